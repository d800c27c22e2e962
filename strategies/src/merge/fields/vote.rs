//! `vote`: the value that most give.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{Algebra, ConflictKind, MemoryBound, options};
use stook_types::{CollectorId, Value};

use super::rule::{Dissent, Fold, Origin, Rule};
use crate::options::AtLeastOne;

options! {
    /// Options of `vote`.
    pub struct VoteOptions {
        /// How many different collectors must give the value; more than half of those that give one, if left out.
        k: Option<AtLeastOne> = None,
    }
}

/// Who gave which value. A collector has one vote for each different value that it gives, however often: who gives two
/// supports both. What most give is the value, if that is one and enough do; every other vote is a conflict. With no such
/// value the field is absent, and every vote is a conflict: nobody's was better than another's.
pub(super) struct Vote {
    k: Option<usize>,
    /// The different values, each with its number, and how many votes that number has.
    numbers: HashMap<Value, usize>,
    counts: Vec<usize>,
    /// The numbers of the values that each collector gave.
    votes: BTreeMap<CollectorId, BTreeSet<usize>>,
    /// The votes of the foremost values, how many values these are, and the one of them that was there first.
    most: usize,
    foremost: usize,
    leader: Option<(usize, Value)>,
    values_bytes: usize,
}

impl Rule for Vote {
    const NAME: &'static str = "vote";
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: true, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Chosen;
    const COMPARES: bool = true;
    type Options = VoteOptions;

    fn begin(options: &VoteOptions) -> Self {
        Self {
            k: options.k.map(AtLeastOne::get),
            numbers: HashMap::new(),
            counts: Vec::new(),
            votes: BTreeMap::new(),
            most: 0,
            foremost: 0,
            leader: None,
            values_bytes: 0,
        }
    }
}

impl Vote {
    /// The foremost value with its number, if it is one and has `k` votes, or those of more than half of the collectors.
    /// Costs nothing: it may be asked after each vote.
    fn winner(&self) -> Option<&(usize, Value)> {
        let enough = self.k.unwrap_or(self.votes.len() / 2 + 1);
        self.leader.as_ref().filter(|_| self.foremost == 1 && self.most >= enough)
    }
}

impl Fold for Vote {
    fn push(&mut self, value: Value, from: &CollectorId) -> Result<(), ConflictKind> {
        let entry = match self.numbers.entry(value) {
            Entry::Occupied(known) => known,
            Entry::Vacant(new) => {
                self.values_bytes += new.key().heap_bytes();
                self.counts.push(0);
                new.insert_entry(self.counts.len() - 1)
            }
        };
        let number = *entry.get();
        if !self.votes.entry(from.clone()).or_default().insert(number) {
            return Ok(());
        }
        self.counts[number] += 1;
        let votes = self.counts[number];
        if votes > self.most {
            (self.most, self.foremost) = (votes, 1);
            if self.leader.as_ref().is_none_or(|(leader, _)| *leader != number) {
                self.leader = Some((number, entry.key().clone()));
            }
        } else if votes == self.most {
            self.foremost += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.winner().map(|(_, value)| value.clone()))
    }

    fn dissent(&mut self) -> Vec<Dissent> {
        let winner = self.winner().map(|(number, _)| *number);
        let votes =
            self.votes.iter().flat_map(|(from, numbers)| numbers.iter().map(move |number| (from, number)));
        let losers = votes.filter(|(_, number)| Some(**number) != winner);
        losers.map(|(from, _)| Dissent { inside: Vec::new(), from: from.clone() }).collect()
    }

    fn bytes(&self) -> usize {
        let votes: usize = self.counts.iter().sum();
        self.numbers.capacity() * size_of::<(Value, usize)>()
            + self.values_bytes
            + self.counts.capacity() * size_of::<usize>()
            + self.votes.len() * size_of::<(CollectorId, BTreeSet<usize>)>()
            + votes * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, fields, permuted};

    #[test]
    fn more_than_half_decide() {
        for values in permuted(&["1", "2", "1"]) {
            let dissenter = values.iter().position(|value| *value == "2").unwrap();
            check("vote", &values, "1", &[&format!("n disagree p{dissenter}")]);
        }
        check("vote", &["null"], "null", &[]);
        absent("vote", &["1", "2"], &["n disagree p0", "n disagree p1"]);
        absent(
            "vote",
            &["1", "1", "2", "1.0"],
            &["n disagree p0", "n disagree p1", "n disagree p2", "n disagree p3"],
        );
    }

    #[test]
    fn or_as_many_as_config_says() {
        let rule = |k| format!(r#"{{"use":"vote","k":{k}}}"#);
        check(&rule(2), &["1", "1", "2", "3"], "1", &["n disagree p2", "n disagree p3"]);
        check(&rule(1), &["1"], "1", &[]);
        absent(&rule(2), &["1"], &["n disagree p0"]);
        absent(&rule(1), &["1", "2"], &["n disagree p0", "n disagree p1"]);
    }

    #[test]
    fn a_collector_has_one_vote_for_a_value() {
        let check = |rule: &str, sent: &[(&str, &str)], value: &str, conflicts: &[&str]| {
            let sent: Vec<_> = sent.iter().map(|(from, n)| (*from, format!(r#"{{"n":{n}}}"#))).collect();
            let sent: Vec<_> = sent.iter().map(|(from, n)| (*from, n.as_str())).collect();
            fields(&format!(r#"{{"rules":{{"n":{rule}}}}}"#), &sent, value, conflicts);
        };
        let twice = [("p1", "1"), ("p1", "1"), ("p2", "2"), ("p3", "2")];
        check(r#""vote""#, &twice, r#"{"n":2}"#, &["n disagree p1"]);
        check(r#"{"use":"vote","k":2}"#, &[("p1", "1"), ("p1", "1")], "{}", &["n disagree p1"]);
        // Who gives two values supports both, whatever the order.
        for values in permuted(&["1", "2"]) {
            let both = [("p1", values[0]), ("p1", values[1]), ("p2", "2")];
            check(r#""vote""#, &both, r#"{"n":2}"#, &["n disagree p1"]);
            let split = [("p1", values[0]), ("p1", values[1])];
            check(r#""vote""#, &split, "{}", &["n disagree p1", "n disagree p1"]);
        }
    }
}
