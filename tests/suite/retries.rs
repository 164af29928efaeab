//! Requests of HTTP that are made again: what may be, how long it waits, who pays, and what the row says.

use crate::http::{Row, asked, file, load, rows, run};

/// How each ended, and how often it was made again.
fn ended(found: &[(Row, &'static str)]) -> Vec<(&'static str, u64)> {
    found.iter().map(|(row, outcome)| (*outcome, row["retries"])).collect()
}

/// A server with one worker, which turns away whom it cannot work on at once.
const BUSY: &str = "count: 4, interval: 1 ms, connections: new, service: 20 ms, workers: 1, queue: 0";

#[test]
fn who_is_told_when_to_come_again_does_so_then() {
    for method in ["get", "post, request: 2 kB"] {
        for version in ["1.1", "2"] {
            let busy = |more: &str| asked(&format!("{BUSY}, version: {version}, method: {method}{more}"));
            let plain = busy("");
            assert_eq!(plain.iter().filter(|(row, _)| row["status"] == 503).count(), 3, "{plain:?}");
            // Without the field nobody knows when.
            let silent = busy(", retries: 9");
            assert!(silent.iter().all(|(row, _)| row["retries"] == 0), "{silent:?}");
            let told = busy(", retries: 9, retry_after: 2 s, backoff: 100 ms");
            for (at, (row, outcome)) in told.iter().enumerate() {
                assert_eq!((*outcome, row["status"]), ("finished", 200), "{method} {version}: {told:?}");
                assert_eq!(row["retries"] > 0, at > 0, "{told:?}");
                assert!(row["retries"] == 0 || row["total_s"] >= row["retries"] * 2_000_000, "{told:?}");
                // The steps are those of the last attempt.
                assert!(row["queued_s"] < 1000 && row["first_byte_s"] < 200_000, "{told:?}");
            }
            // One may be repeated once: whoever meets the others again is turned away for good.
            let once = busy(", retries: 1, retry_after: 1 s, backoff: 1 ms");
            assert!(once.iter().all(|(row, _)| row["retries"] <= 1), "{once:?}");
        }
    }
}

#[test]
fn what_has_failed_is_asked_again_if_it_does_no_harm() {
    // Answers that break off in their middle.
    for version in ["1.1", "2"] {
        let breaks =
            |more: &str| ended(&asked(&format!("version: {version}, count: 20, response: 20 kB, fail: 30 %{more}")));
        let lost = breaks("").iter().filter(|(outcome, _)| *outcome != "finished").count();
        assert!(lost > 3, "{version}: {lost} break off");
        let again = breaks(", retries: 9");
        assert!(again.iter().all(|(outcome, _)| *outcome == "finished"), "{version}: {again:?}");
        assert!(again.iter().any(|(_, retries)| *retries > 0), "{version}: {again:?}");
        // RFC 9110 §9.2.2: nobody knows whether a POST was executed.
        let post = breaks(", method: post, request: 1 kB, retries: 9");
        assert!(post.iter().all(|(_, retries)| *retries == 0), "{version}: {post:?}");
        assert!(post.iter().any(|(outcome, _)| *outcome != "finished"), "{version}: {post:?}");
    }
    // The first repetitions are paid for by what is there, the later ones by what requests earn.
    let poor = ended(&asked("count: 40, fail: 100 %, retries: 1, retry_budget: 0 %"));
    assert_eq!(poor.iter().map(|(_, retries)| retries).sum::<u64>(), 10, "{poor:?}");
    let richer = ended(&asked("count: 40, fail: 100 %, retries: 1, retry_budget: 50 %"));
    assert_eq!(richer.iter().map(|(_, retries)| retries).sum::<u64>(), 30, "{richer:?}");
}

#[test]
fn a_way_that_comes_back_is_found_again() {
    // The way to the server refuses whoever comes, for the first 300 ms: nothing of a POST was sent.
    let refusing = |method: &str| {
        let text = file(&format!("count: 1, method: {method}, retries: 20, backoff: 100 ms, timeout: 30 s"), "");
        // No route, until there is one.
        let text = text.replace(
            "workload:",
            "events: [ { at: 0 s, link: path, down: 300 ms } ]\nrouting: { convergence: 1 ms }\nworkload:",
        );
        rows(&run(&text.replace("from: a, to: z,", "from: a, to: z, start: 50 ms,")))
    };
    for method in ["get", "post, request: 2 kB"] {
        let found = refusing(method);
        let (row, outcome) = &found[0];
        assert_eq!(*outcome, "finished", "{method}: {row:?}");
        assert!(row["retries"] > 0 && row["total_s"] > 250_000, "{method}: {row:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (application, key) in [
        ("backoff: 1 s", "backoff"),
        ("retry_budget: 1 %", "retry_budget"),
        ("retries: 101", "retries"),
        ("retries: 1, backoff: 0 s", "backoff"),
        ("retry_after: 1 s", "retry_after"),
        ("workers: 1, retry_after: 1500 ms", "retry_after"),
    ] {
        let errors = load(&file(application, "")).expect_err(application);
        assert!(errors.contains(&format!("web.http.{key}")), "{application}: {errors}");
    }
}
