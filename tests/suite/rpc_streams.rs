//! Remote calls whose client sends a stream of messages: what they come to, when each went and came, what becomes of them where the call ends early.

use sim_core::Outcome;

use crate::rpc::{Row, calls, rows, run, run_from, run_sharded};

const HOSTS: &str = "hosts: { a: {}, z: {} }\nlinks:\n - a -- z: { rate: 1 Gbit/s, delay: 20 ms }\n";

/// The messages of a call, in order.
fn messages(outcome: &Outcome, call: u64) -> Vec<Row> {
    let mut found: Vec<Row> =
        rows(outcome, "call_messages").into_iter().filter(|(numbers, _)| numbers["number"] == call).collect();
    found.sort_by_key(|(numbers, _)| numbers["message"]);
    found
}

/// Columns of a row in milliseconds.
fn ms<const N: usize>(row: &Row, columns: [&str; N]) -> [u64; N] {
    columns.map(|column| (row.0[column] + 500) / 1000)
}

fn said<'a>(row: &'a Row, columns: [&str; 2]) -> [&'a str; 2] {
    columns.map(|column| row.1[column])
}

#[test]
fn an_upload_is_answered_when_all_of_it_is_there() {
    let outcome = run("form: grpc, operation: upload, count: 2, size: 5, gap: 10 ms");
    // The second one: the connection is there.
    let (call, served) = (&rows(&outcome, "calls")[1], &rows(&outcome, "served")[1]);
    assert_eq!(said(call, ["status", "outcome"]), ["ok", "finished"]);
    assert_eq!((call.0["messages_up"], call.0["messages"]), (5, 1));
    // Four gaps, and the way there and back of the last message.
    assert_eq!(ms(call, ["first_byte_s", "last_byte_s", "total_s"]), [80, 80, 80]);
    assert_eq!(call.1["cause"], "path", "{call:?}");
    assert_eq!((served.0["messages_up"], served.0["messages"], served.1["outcome"]), (5, 1, "answered"));
    assert_eq!(ms(served, ["first_s", "total_s"]), [40, 40]);
    let began = call.0["start_s"] / 1000;
    let sent: Vec<u64> = messages(&outcome, 2).iter().map(|row| ms(row, ["sent_s"])[0] - began).collect();
    assert_eq!(sent, [0, 10, 20, 30, 40]);
    // The same items as `watch` brings down, each with a prefix of five bytes; the answer: a prefix, and two numbers behind their tags.
    let watch = &calls("form: grpc, operation: watch, count: 2, size: 5")[1];
    assert_eq!(call.0["body_up_bytes"], watch.0["body_down_bytes"]);
    assert_eq!(call.0["body_down_bytes"], 5 + 2 + 3);
}

#[test]
fn each_message_of_a_chat_has_its_answer_while_others_are_on_their_way() {
    let outcome = run("form: grpc, operation: chat, count: 2, size: 5, gap: 10 ms, service: 2 ms");
    let (call, served) = (&rows(&outcome, "calls")[1], &rows(&outcome, "served")[1]);
    assert_eq!(said(call, ["status", "outcome"]), ["ok", "finished"]);
    assert_eq!((call.0["messages_up"], call.0["messages"]), (5, 5));
    assert_eq!(ms(call, ["first_byte_s", "last_byte_s", "total_s"]), [42, 82, 82]);
    assert_eq!(call.0["body_up_bytes"], call.0["body_down_bytes"]);
    assert_eq!((served.0["messages_up"], served.0["messages"], served.1["outcome"]), (5, 5, "answered"));
    assert_eq!(ms(served, ["first_s", "total_s", "service_s"]), [2, 42, 10]);
    let found = messages(&outcome, 2);
    assert_eq!(found.iter().map(|row| row.0["message"]).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(found.iter().all(|row| ms(row, ["latency_s"]) == [42]), "{found:?}");
    // What takes the service longer than the gap waits for those before it.
    let outcome = run("form: grpc, operation: chat, count: 1, size: 4, gap: 10 ms, service: 15 ms");
    let latencies: Vec<u64> = messages(&outcome, 1).iter().map(|row| ms(row, ["latency_s"])[0]).collect();
    assert_eq!(latencies, [55, 60, 65, 70]);
}

/// The stub's time is that of each message; the service's ends take theirs beside it.
#[test]
fn stubs_take_their_time_for_each_message() {
    let stub = "size: 4, marshal: { per_call: 3 ms }";
    let outcome = run(&format!("form: grpc, operation: upload, count: 1, {stub}"));
    let (call, served) = (&rows(&outcome, "calls")[0], &rows(&outcome, "served")[0]);
    assert_eq!(ms(call, ["marshal_s", "unmarshal_s"]), [12, 3]);
    assert_eq!(ms(served, ["unmarshal_s", "marshal_s"]), [12, 3]);
    let outcome = run(&format!("form: grpc, operation: chat, count: 1, {stub}"));
    let (call, served) = (&rows(&outcome, "calls")[0], &rows(&outcome, "served")[0]);
    assert_eq!(ms(call, ["marshal_s", "unmarshal_s"]), [12, 12]);
    assert_eq!(ms(served, ["unmarshal_s", "marshal_s"]), [12, 12]);
}

/// Both ends give up at the moment of the deadline, wherever the stream is, and the connection goes on.
#[test]
fn a_deadline_strikes_in_the_middle_of_a_stream() {
    for operation in ["upload", "chat"] {
        let outcome =
            run(&format!("form: grpc, operation: {operation}, count: 3, size: 50, gap: 10 ms, timeout: 105 ms"));
        let (found, served) = (rows(&outcome, "calls"), rows(&outcome, "served"));
        let call = &found[1];
        assert_eq!(said(call, ["status", "outcome"]), ["none", "timed_out"], "{operation}");
        assert_eq!((ms(call, ["total_s"]), call.1["reused"]), ([105], "reused"), "{operation}");
        // From 0 to 100 ms; answers from 40 ms on.
        let came = if operation == "chat" { 7 } else { 0 };
        assert_eq!((call.0["messages_up"], call.0["messages"]), (11, came), "{operation}");
        assert_eq!(call.0.get("last_byte_s"), None, "{operation}");
        assert_eq!(call.0.contains_key("first_byte_s"), operation == "chat");
        let list = messages(&outcome, 2);
        assert_eq!(list.len(), 11, "{operation}");
        assert_eq!(list.iter().filter(|row| row.0.contains_key("came_s")).count() as u64, came, "{operation}");
        let served = &served[1];
        assert_eq!((served.1["outcome"], served.0["messages_up"]), ("gone", 11), "{operation}");
        assert_eq!(served.0.get("total_s"), None, "{operation}");
        assert_eq!(found[2].0["connection"], 1, "{operation}: the connection goes on");
    }
}

#[test]
fn a_server_that_is_gone_ends_a_stream_in_its_middle() {
    for operation in ["upload", "chat", "watch"] {
        let text = "hosts: { a: { tcp: { user_timeout: 500 ms } }, z: { tcp: { user_timeout: 500 ms } } }\n\
                    links:\n - a -- z: { name: wan, rate: 1 Gbit/s, delay: 20 ms }\n\
                    events: [ { at: 100 ms, link: wan, down: true } ]\n";
        let calls = format!("form: grpc, operation: {operation}, count: 1, size: 200, gap: 10 ms, timeout: 5 s");
        let outcome = run_from(text, &calls);
        let call = &rows(&outcome, "calls")[0];
        assert_eq!(said(call, ["status", "outcome"]), ["none", "timed_out"], "{operation}");
        let served = &rows(&outcome, "served")[0];
        assert_eq!((served.1["outcome"], served.0.get("total_s")), ("gone", None), "{operation}");
        let [up, down] = ["messages_up", "messages"].map(|column| (call.0[column], served.0[column]));
        match operation {
            "upload" => assert!(up.0 > up.1 && up.1 == 6 && down == (0, 0), "{up:?} {down:?}"),
            "chat" => assert!(up.0 > up.1 && up.1 == 6 && down.0 < down.1 && down.1 == 6, "{up:?} {down:?}"),
            _ => assert!(up == (1, 1) && down.0 < down.1, "{up:?} {down:?}"),
        }
        // TCP gives up, and the client hears of it before its deadline.
        let [total] = ms(call, ["total_s"]);
        assert!(total < 2000, "{operation}: {total} ms");
    }
}

#[test]
fn a_stream_that_is_turned_away_ends_with_a_status() {
    for operation in ["upload", "chat"] {
        let found = calls(&format!(
            "form: grpc, operation: {operation}, size: 30, gap: 5 ms, count: 3, interval: 1 ms, workers: 1, queue: 0"
        ));
        assert_eq!(said(&found[0], ["status", "outcome"]), ["ok", "finished"], "{operation}");
        for call in &found[1..] {
            assert_eq!(said(call, ["status", "outcome"]), ["unavailable", "overloaded"], "{operation}");
            // It has sent until the status was there, a round trip later.
            assert_eq!((call.0["messages_up"], call.0["messages"]), (9, 0), "{operation}");
        }
    }
}

/// A reader that is slow holds its writer by the windows of HTTP/2: what is written ahead of it is bounded,
/// and so is the memory that it takes.
#[test]
fn a_slow_reader_holds_the_writer() {
    // The window of a stream (1 MiB), what h2 has taken and waits with (32 KiB at a time, and one more), and what the reader has taken out (a frame).
    const AHEAD_MAX: u64 = (1 << 20) + 4 * (32 << 10);
    let size = 60_000;
    for operation in ["upload", "chat"] {
        let outcome = run(&format!("form: grpc, operation: {operation}, size: {size}, service: 20 us, count: 1"));
        let call = &rows(&outcome, "calls")[0];
        assert_eq!(call.1["outcome"], "finished", "{call:?}");
        assert_eq!((call.0["messages_up"], call.0["body_up_bytes"] > AHEAD_MAX * 3 / 2), (size, true));
        let bytes = call.0["body_up_bytes"] / size;
        let began = rows(&outcome, "served")[0].0["start_s"];
        let mut most = 0;
        for (numbers, _) in rows(&outcome, "call_messages") {
            // By then the reader has had 20 us for each; what it has read is known a way later, and windows open a way later still.
            let read = numbers["sent_s"].saturating_sub(began) / 20;
            most = most.max((numbers["message"].saturating_sub(read)) * bytes);
        }
        let slack = 20_000 / 20 * bytes;
        assert!((1 << 19..AHEAD_MAX + slack).contains(&most), "{operation}: {most} bytes ahead");
    }
}

#[test]
fn streams_with_losses_are_the_same_run_on_any_number_of_shards() {
    let hosts = HOSTS.replace("delay: 20 ms", "delay: 20 ms, loss: 8 %");
    for operation in ["upload", "chat"] {
        let base = "form: grpc, size: 300, gap: 100 us, service: 200 us, service_times: exponential, count: 4";
        let calls = format!("{base}, concurrency: 2, operation: {operation}");
        let first = run_sharded(&hosts, &calls, 1);
        let found = rows(&first, "calls");
        assert!(found.len() == 4 && found.iter().all(|row| row.1["outcome"] == "finished"), "{operation}");
        assert!(found.iter().any(|row| row.0["retransmissions"] > 0), "{operation}");
        for shards in [2, 3, 8] {
            assert_eq!(run_sharded(&hosts, &calls, shards).fingerprints, first.fingerprints, "{operation}, {shards}");
        }
    }
}

/// gRPC's proposal A6, «When Retries are Valid»: once headers have come, a call is not made again.
#[test]
fn a_stream_that_has_begun_is_not_repeated() {
    let hosts = format!("{HOSTS}events: [ {{ at: 120 ms, server: calls, down: 1 ms }} ]\n");
    for operation in ["watch", "chat"] {
        let stream = format!("form: grpc, operation: {operation}, count: 2, size: 20, gap: 10 ms, retries: 2");
        let outcome = run_from(&hosts, &stream);
        let found = rows(&outcome, "calls");
        let (broken, after) = (&found[0], &found[1]);
        assert!(["closed", "reset"].contains(&broken.1["outcome"]), "{operation}: {broken:?}");
        assert_eq!((broken.0["retries"], broken.0.contains_key("first_byte_s")), (0, true), "{operation}: {broken:?}");
        assert_eq!(
            broken.0["messages"],
            messages(&outcome, 1).iter().filter(|m| m.0.contains_key("came_s")).count() as u64
        );
        assert!((1..20).contains(&broken.0["messages"]), "{operation}: {broken:?}");
        assert_eq!(after.1["outcome"], "finished", "{operation}: {after:?}");
    }
}

#[test]
fn who_is_turned_away_has_a_row_with_its_end_at_the_server() {
    for operation in ["get", "watch", "upload", "chat"] {
        let outcome = run(&format!(
            "form: grpc, operation: {operation}, count: 3, concurrency: 3, workers: 1, queue: 0, service: 100 ms"
        ));
        let served = rows(&outcome, "served");
        let away: Vec<_> = served.iter().filter(|(_, said)| said["outcome"] == "overloaded").collect();
        assert_eq!(away.len(), 2, "{operation}: {served:?}");
        assert!(away.iter().all(|(numbers, _)| numbers["total_s"] == 0), "{operation}: {away:?}");
    }
}
