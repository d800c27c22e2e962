//! Collectors that outlive a host which has died: the next host knows them by the secrets that the dead one gave them,
//! and takes them over instead of starting twins.
//!
//! Such a process is nobody's child any more. It is known by its session and by silence, and it is never signalled: if
//! it fails, a successor is started, and should it come back it is told that it has one (`superseded`).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stook_plugin::Exit;
use stook_proto::Token;
use stook_types::CollectorId;
use tokio::time::Duration;

use super::Control;
use super::roster::Known;

/// The secrets of the collectors that this host has started or taken over, in its private directory.
pub(super) struct Secrets(PathBuf);

/// Who a collector proves to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Of the latest start, or of somebody else's starting.
    Current,
    /// Started by a host that has died.
    Inherited,
    /// The same, and it has a successor.
    Superseded,
    /// Nobody that we know.
    Wrong,
}

/// How long a collector of a dead host has to come before a successor is started. It tries every 2 s at least.
pub(super) const ADOPTION: Duration = Duration::from_secs(3);

const FILE: &str = "collectors";
/// Characters of a secret: two UUIDs.
const SECRET: usize = 64;

impl Secrets {
    pub(super) fn of_host(directory: &Path) -> Self {
        Self(directory.join(FILE))
    }

    /// What a host that has died here has left.
    pub(super) fn read(&self) -> BTreeMap<CollectorId, String> {
        let line = |line: &str| {
            let (id, secret) = line.split_once(' ')?;
            // Whole, or nobody could have shown it; an empty one would be shown by everybody.
            let whole = secret.len() == SECRET && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some((CollectorId::new(id).ok().filter(|_| whole)?, secret.to_owned()))
        };
        let text = std::fs::read_to_string(&self.0).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                let file = self.0.display();
                tracing::warn!(%file, %error, "collectors of an earlier host cannot be taken over");
            }
            String::new()
        });
        text.lines().filter_map(line).collect()
    }

    /// Leaves these for the next host. Whole or not at all: written beside, then put in place.
    fn write<'a>(&self, secrets: impl Iterator<Item = (&'a CollectorId, &'a str)>) -> io::Result<()> {
        let beside = self.0.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lines: String = secrets.map(|(id, secret)| format!("{id} {secret}\n")).collect();
        options.open(&beside)?.write_all(lines.as_bytes())?;
        std::fs::rename(&beside, &self.0)
    }

    /// This host ends as it should: nobody is left to be taken over.
    pub(super) fn remove(&self) {
        // There is none if nobody was started.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Known {
    /// Who it is that shows this token under this id.
    pub(super) fn proof(&self, token: &Token) -> Proof {
        let shows = |secret: &Option<String>| {
            secret.as_ref().is_some_and(|secret| Token::new(secret.clone()).matches(token))
        };
        if self.config.command.is_none() || shows(&self.secret) {
            Proof::Current
        } else if shows(&self.inherited) {
            if self.starts == 0 { Proof::Inherited } else { Proof::Superseded }
        } else {
            Proof::Wrong
        }
    }

    /// Whether it is in service though nobody here has started it.
    pub(super) fn is_adopted(&self) -> bool {
        self.adopted && self.member().is_some()
    }
}

impl Control {
    /// Leaves for the next host what it has to know, should this one die.
    pub(super) fn save_secrets(&self) {
        let known = self.roster.iter().filter_map(|(id, known)| {
            let inherited = known.inherited.as_deref().filter(|_| known.starts == 0);
            Some((id, known.secret.as_deref().or(inherited)?))
        });
        if let Err(error) = self.secrets.write(known) {
            let file = self.secrets.0.display();
            tracing::warn!(%file, %error, "collectors could not be taken over if this host died now");
        }
    }

    /// The session of a collector that was taken over has ended: a successor is started, as the policy says.
    pub(super) fn adopted_ended(&mut self, id: &CollectorId, exit: Exit) {
        let now = self.hub.clock.now();
        let Some(known) = self.roster.get_mut(id) else { return };
        if !std::mem::take(&mut known.adopted) {
            return;
        }
        known.last_exit = Some(("its session ended; it was taken over from an earlier host".to_owned(), now));
        if !self.stopping {
            self.decide(now, id, exit, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_written_whole_and_read_back() {
        let directory = std::env::temp_dir().join(format!("stook-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let secrets = Secrets::of_host(&directory);
        assert_eq!(secrets.read(), BTreeMap::new());
        let id = CollectorId::new("p.1").expect("valid");
        let [one, two] = ["1", "2"].map(|digit| digit.repeat(SECRET));
        secrets.write([(&id, one.as_str())].into_iter()).expect("written");
        secrets.write([(&id, two.as_str())].into_iter()).expect("written");
        assert_eq!(secrets.read(), BTreeMap::from([(id.clone(), two)]));
        for torn in ["", "12", "not a secret"] {
            secrets.write([(&id, torn)].into_iter()).expect("written");
            assert_eq!(secrets.read(), BTreeMap::new(), "`{torn}` could be shown by others");
        }
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&secrets.0).expect("there"));
            assert_eq!(mode & 0o777, 0o600);
        }
        secrets.remove();
        std::fs::remove_dir(&directory).expect("nothing is left in it");
    }
}
