//! `balance`: how long tasks take when some collectors are slower than others, and nobody says which.

use super::report::{Outcome, Row};
use super::simulation::{Setting, central_queue, routed};
use super::stats::Samples;
use super::{Bench, Halt, policies};

const SEEDS: u64 = 5;
const LIMIT: &str = "one queue for all";

/// Those to push by, too. The others heed nothing, and give the slow ones more than they can do.
const PUSHED: [&str; 5] = ["least-outstanding", "p2c", "peak-ewma", "hot-cold", "seed-weighted"];

/// The latencies of one policy, each seed for itself.
struct Runs(Vec<Samples>);

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let tasks = bench.amount(30_000, 200_000);
    let mut rows = Vec::new();
    let mut value = f64::NAN;
    for servers in [1, 4] {
        let setting = Setting { servers, pushed: false, seed: 0, tasks };
        let slots = if servers == 1 { "1 slot".to_owned() } else { format!("{servers} slots") };
        bench.goes_on(|| format!("{LIMIT}, {slots}"))?;
        let central = runs(setting, central_queue)?;
        rows.push(central.row(format!("{LIMIT}, {slots}")));
        for (place, name) in policies::NAMES.into_iter().enumerate() {
            bench.goes_on(|| format!("{name}, {slots}"))?;
            let policy = runs(setting, |setting| routed(policies::made(name), setting))?;
            let ratio = policy.beside(&central);
            if place == 0 {
                value = value.max(ratio);
            }
            rows.push(policy.row(format!("{name}, {slots}")).beside(ratio, LIMIT));
        }
        if servers == 1 {
            for name in PUSHED {
                bench.goes_on(|| format!("{name}, pushed"))?;
                let setting = Setting { pushed: true, ..setting };
                let policy = runs(setting, |setting| routed(policies::made(name), setting))?;
                rows.push(policy.row(format!("{name}, pushed")).beside(policy.beside(&central), LIMIT));
            }
        }
    }
    Ok(Outcome {
        values: vec![("balance", value)],
        rows,
        notes: vec![
            format!("virtual time, real router; {SEEDS} seeds of {tasks} tasks, the first tenth of each left out"),
            "tasks take 10 ms on average, at two of the eight collectors 40 ms; all exponential, 90 % load".into(),
            format!("median and p99 are medians over the seeds, and ratios those of p99 to that of {LIMIT} with the same seed"),
            "pushed: collectors queue for themselves, which stook never lets them; random, round-robin and hot-cold never \
             settle there, so that their latency is a matter of how long the run is"
                .into(),
            "the bar counts the default policy's worse ratio of 1 slot and 4 slots".into(),
        ],
    })
}

/// Every seed, as many at once as there are cores.
fn runs(setting: Setting, run: impl Fn(Setting) -> Vec<f64> + Sync) -> Result<Runs, Halt> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seeds: Vec<u64> = (1..=SEEDS).collect();
    let run = &run;
    let mut all = Vec::new();
    for some in seeds.chunks(cores) {
        std::thread::scope(|scope| {
            let spawn = |seed: &u64| {
                let setting = Setting { seed: *seed, ..setting };
                scope.spawn(move || run(setting).into_iter().collect::<Samples>())
            };
            let running: Vec<_> = some.iter().map(spawn).collect();
            for run in running {
                all.push(run.join().map_err(|_| Halt::failed("a simulation panicked"))?);
            }
            Ok(())
        })?;
    }
    Ok(Runs(all))
}

impl Runs {
    fn row(&self, what: String) -> Row {
        let over_seeds = |of: fn(&Samples) -> f64| self.0.iter().map(of).collect::<Samples>().median();
        let samples = self.0.iter().map(Samples::len).sum();
        let (median, p99) = (over_seeds(Samples::median), over_seeds(Samples::p99));
        Row { what, samples, median, p99, unit: "ms", ratio: None }
    }

    /// The ratio of the p99 to that of others with the same arrivals, in the middle of all seeds.
    fn beside(&self, limit: &Self) -> f64 {
        let ratios = self.0.iter().zip(&limit.0).map(|(policy, limit)| policy.p99() / limit.p99());
        ratios.collect::<Samples>().median()
    }
}
