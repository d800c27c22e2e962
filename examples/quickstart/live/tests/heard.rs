//! What becomes of what the host tells.

use super::*;

#[test]
fn a_scan_goes_on_part_by_part() {
    let (mut model, task) = (three(), Task::new());
    model.hear(seconds(0.0), &task.assigned(SCAN[0], 1));
    assert!(
        progress(&model)
            .starts_with("scan        [-..] 0 of 3 in 1.0s, waits for procmond-1 (process.list), ")
    );
    model.hear(seconds(0.0), &task.assigned(SCAN[1], 1));
    model.hear(seconds(0.0), &task.assigned(SCAN[2], 1));
    model.hear(seconds(0.1), &task.finished(SCAN[2], 1_500));
    assert!(progress(&model).starts_with("scan        [#--] 1 of 3 in 1.0s, waits for "));
    assert!(progress(&model).ends_with("; answered: netmond-1 1.5ms"));
    model.hear(seconds(0.2), &task.failed(SCAN[0]));
    model.hear(seconds(0.2), &task.finished(SCAN[1], 90_000));
    assert_eq!(
        progress(&model),
        "scan        [##x] 3 of 3 in 1.0s, waits for its set; answered: procmond-2 90.0ms, netmond-1 1.5ms"
    );
    model.hear(seconds(0.2), &task.ended(TaskOutcome::Partial));
    model.take(seconds(0.3), task.scan(1));
    assert_eq!(
        progress(&model),
        "scan        [##x] 2 of 3 in 200.0ms, 0.8s ago: procmond-2 90.0ms, netmond-1 1.5ms"
    );
    // Given to somebody after all, and too late to matter.
    model.hear(seconds(0.4), &task.assigned(SCAN[0], 2));
    assert!(progress(&model).contains("0.8s ago"));
}

#[test]
fn a_part_that_moves_is_still_one_part() {
    let (mut model, task) = (model(Some(2), &[]), Task::new());
    let part = ("procmond-1", "process.shard.1-of-6");
    model.hear(seconds(0.0), &task.assigned(part, 1));
    assert!(progress(&model).starts_with(
        "scan      [-......] 0 of 7 in 1.0s, waits for procmond-1 (process.shard.1-of-6), somebody with "
    ));
    model.hear(seconds(0.1), &task.moved(part, None));
    assert!(
        progress(&model).starts_with(
            "scan      [.......] 0 of 7 in 1.0s, waits for somebody with process.shard.1-of-6, "
        )
    );
    model.hear(seconds(0.2), &task.assigned(("procmond-2", part.1), 2));
    model.hear(seconds(0.2), &task.moved(part, Some("procmond-2")));
    model.hear(seconds(0.3), &task.finished(("procmond-2", part.1), 2_000));
    assert!(progress(&model).starts_with("scan      [#......] 1 of 7 "));
    assert!(progress(&model).ends_with("; answered: procmond-2 2.0ms"));
    let news: Vec<_> = model.news.iter().map(|(label, text)| format!("{label} {text}")).collect();
    assert_eq!(
        news,
        [
            "moved process.shard.1-of-6 of procmond-1 to procmond-2",
            "moved process.shard.1-of-6 of procmond-1: waiting for somebody who can",
        ]
    );
}

#[test]
fn a_finding_stays_until_a_complete_scan_does_not_show_it() {
    let mut model = three();
    let finding = |pid| Finding { pid, rule: Rule::DeletedListener, text: format!("pid {pid}") };
    let scan = |number, outcome, findings| Scan { outcome, findings, ..Task::new().scan(number) };
    let pids = |model: &Model| model.findings.iter().map(|found| found.finding.pid).collect::<Vec<_>>();
    model.take(seconds(1.0), scan(1, Outcome::Complete, vec![finding(1), finding(2)]));
    assert_eq!(pids(&model), [1, 2]);
    model.take(seconds(2.0), scan(2, Outcome::Partial, vec![finding(3)]));
    assert_eq!(pids(&model), [3, 1, 2], "the newest first");
    model.take(seconds(3.0), scan(3, Outcome::Complete, vec![finding(2)]));
    assert_eq!(pids(&model), [2]);
    let over = |pid: i64| ("over", format!("deleted-listener: pid {pid}"));
    assert_eq!(model.news, [over(1), over(3)]);
}

#[test]
fn what_is_lost_is_said() {
    let mut model = three();
    let status = serde_json::json!({ "results": { "refused": { "stale-epoch": 3, "memory": 2 }, "discarded": { "sink-failed": 1 } } });
    model.look(&serde_json::from_value::<Value>(status).unwrap());
    assert!(shown(&model, seconds(1.0), 90, 24).contains("0 partial, lost: 2 memory, 1 sink-failed\n"));
}

#[test]
fn nothing_grows_without_end() {
    let mut model = three();
    for number in 0..1_000 {
        let task = Task::new();
        model.hear(seconds(0.0), &task.assigned(SCAN[0], 1));
        model.tell("log", String::new());
        let findings = (0..10).map(|pid| Finding {
            pid: number * 10 + pid,
            rule: Rule::DeletedListener,
            text: String::new(),
        });
        let outcome = Outcome::Partial;
        model.take(
            seconds(0.0),
            Scan { outcome, findings: findings.collect(), ..Task::new().scan(number.unsigned_abs()) },
        );
    }
    let kept = [model.running.len(), model.news.len(), model.scans.len(), model.findings.len()];
    assert_eq!(kept, [64; 4]);
}
