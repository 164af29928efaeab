use super::*;

fn port(name: &str, from: &str, to: &str) -> PortFacts {
    PortFacts {
        name: name.into(),
        from: from.into(),
        to: to.into(),
        speed: vec![(0, Speed::Rate(8_000_000))],
        delay: vec![(0, 1_000_000_000)],
        limit: vec![(0, (Some(1), None))],
        from_host: name == "a->b",
        ..PortFacts::default()
    }
}

/// What is wrong with these rows: port, packet, bytes, enqueued, started, ended, arrived, fate, and where they differ from what these say, the
/// moment of the row (that of the arrival, or of the drop at once), and the field for congestion.
fn faults_at(ports: &[PortFacts], rows: &str) -> Vec<String> {
    let mut csv = String::from("time_s,port,packet,wire_bytes,enqueued_s,started_s,ended_s,arrived_s,fate,ecn\n");
    for row in rows.lines() {
        let mut cells: Vec<&str> = row.split(',').map(str::trim).collect();
        cells.resize(10, "");
        let time = [cells[8], cells[6], cells[3]].into_iter().find(|time| !time.is_empty()).expect("a time");
        csv += &format!("{time},{},{}\n", cells[..8].join(","), cells[9]);
    }
    audit_text(&csv, ports).faults
}

fn faults(rows: &str) -> Vec<String> {
    faults_at(&[port("a->b", "a", "b"), port("b->c", "b", "c")], rows)
}

#[test]
fn a_lawful_trace_passes() {
    // 1000 B at 8 Mbit/s take 1 ms; the delay is 1 ms.
    let rows = "a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0.0005,0.001,0.002,0.003,delivered\n\
                a->b,3,1000,0.0006,,,,queue_full\nb->c,1,1000,0.002,0.002,0.003,0.004,delivered\n";
    assert_eq!(faults(rows), Vec::<String>::new());
}

#[test]
fn what_leaves_at_the_moment_of_a_drop_may_leave_behind_it() {
    // At 1 ms the second packet leaves the queue, whose limit is one, a third one takes its place, or comes too early for that.
    let two = "a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0.0005,0.001,0.002,0.003,delivered\n";
    let third = "a->b,3,1000,0.001,0.002,0.003,0.004,delivered\n";
    let dropped = "a->b,4,1000,0.001,,,,queue_full\n";
    for more in [third.to_string(), dropped.to_string(), format!("{third}{dropped}")] {
        assert_eq!(faults(&format!("{two}{more}")), Vec::<String>::new());
    }
    assert!(faults(&format!("{two}{}", dropped.replace("0.001", "0.0011")))[0].contains("over the limit"));
}

#[test]
fn a_path_of_one_moment_is_followed_in_its_own_order() {
    let still = |name: &str, from: &str, to: &str| PortFacts {
        speed: vec![(0, Speed::Infinite)],
        delay: vec![(0, 0)],
        ..port(name, from, to)
    };
    let path = |last: &str| [still("z", "a", "b"), still("y", "b", "c"), still("x", last, "d")];
    let rows = "x,1,9,0,0,0,0,delivered\ny,1,9,0,0,0,0,delivered\nz,1,9,0,0,0,0,delivered\n";
    assert_eq!(faults_at(&path("c"), rows), Vec::<String>::new());
    assert!(faults_at(&path("e"), rows)[0].contains("from nowhere"));
}

#[test]
fn a_file_is_read_as_its_text_is() {
    let file = std::env::temp_dir().join(format!("clockwire-oracle-{}.csv", std::process::id()));
    std::fs::write(&file, "time_s,port,packet,wire_bytes,enqueued_s,started_s,ended_s,arrived_s,fate\n")
        .expect("a file");
    let found = audit(&file, &[]);
    std::fs::remove_file(&file).expect("the file goes");
    assert_eq!((found.hops, found.faults.len()), (0, 0));
}

#[test]
fn each_law_is_held() {
    for (rows, word) in [
        ("a->b,1,1000,0,0,0.0009,0.0019,delivered\n", "took"),
        ("a->b,1,1000,0,0,0.001,0.0019,delivered\n", "due"),
        ("a->b,1,1000,0,0,0.001,0.0021,delivered\n", "due"),
        ("a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0,0.0005,0.0015,0.0025,delivered\n", "while another"),
        ("a->b,1,1000,0,0.5,0.501,0.502,delivered\n", "free link"),
        ("a->b,1,1000,0,,,,queue_full\n", "over the limit"),
        ("a->b,1,1000,0,,,,early\n", "nothing explains"),
        ("a->b,1,1000,0,,,,link_down\n", "nothing explains"),
        (
            "a->b,1,1000,0,0,0.001,0.002,delivered\nb->c,1,1000,0.0015,0.0015,0.0025,0.0035,delivered\n",
            "before it came",
        ),
        ("a->b,1,1000,0,0,0.001,,lost\n", "nothing explains"),
        ("b->c,1,1000,0,0,0.001,0.002,delivered\nb->c,1,1000,0.01,0.01,0.011,0.012,delivered\n", "from nowhere"),
        (
            "a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0,0.001,0.002,0.003,delivered\na->b,3,1000,0,0.002,0.003,0.004,delivered\n",
            "let in",
        ),
        ("x->y,1,1000,0,0,0.001,0.002,delivered\n", "does not know"),
    ] {
        let found = faults(rows);
        assert!(found.iter().any(|fault| fault.contains(word)), "{rows} gave {found:?}");
    }
}

/// Packets of 1000 B that come each half millisecond to a link that sends one each millisecond: all that is let through is sent in turn.
/// `drops`: packets that CoDel drops; the row of each says when it was its turn.
fn overload(packets: usize, drops: &[usize]) -> String {
    let (mut rows, mut turn) = (String::new(), 0.0_f64);
    for packet in 0..packets {
        let came = packet as f64 * 0.5;
        let start = turn.max(came);
        let seconds = |ms: f64| format!("{:.12}", ms / 1000.0);
        if drops.contains(&packet) {
            rows += &format!("q,{packet},1000,{},,,,early,{}\n", seconds(came), seconds(start));
            continue;
        }
        turn = start + 1.0;
        let times = [came, start, turn, turn + 1.0].map(seconds).join(",");
        rows += &format!("q,{packet},1000,{times},delivered\n");
    }
    rows
}

fn codel() -> PortFacts {
    PortFacts {
        limit: vec![(0, (Some(1000), None))],
        fates: vec!["early".into()],
        codel: Some(CoDel { target: 5_000_000_000, interval: 20_300_000_000, frame_max: 1500 }),
        ..port("q", "a", "b")
    }
}

#[test]
fn codel_drops_when_the_rfc_says_so_and_then_alone() {
    // Packet n waits n/2 ms: number 10 is the first to wait 5 ms, at 10 ms; from 30.3 ms on one is dropped. It is packet 31, and 32 goes in its
    // place. The next drop is due 20.3 ms later, at 51.3 ms: with the one drop before it that is packet 53.
    assert_eq!(faults_at(&[codel()], &overload(60, &[31, 53])), Vec::<String>::new());
    for (drops, packet) in [
        (vec![30], 30),
        (vec![32], 31),
        (vec![], 31),
        (vec![31, 32], 32),
        (vec![31], 53),
        (vec![31, 52], 52),
        (vec![5], 5),
    ] {
        let found = faults_at(&[codel()], &overload(60, &drops));
        let word = format!("packet {packet} was");
        assert!(found.len() == 1 && found[0].contains(&word) && found[0].contains("RFC 8289"), "{drops:?}: {found:?}");
    }
}

#[test]
fn codel_marks_instead_where_it_may() {
    let marking = PortFacts { marks: true, from_host: true, ..codel() };
    let with = |marked: usize| -> String {
        let ecn = |at: usize| if at == marked { "ce" } else { "ect0" };
        overload(40, &[]).lines().enumerate().map(|(at, row)| format!("{row},,{}\n", ecn(at))).collect()
    };
    assert_eq!(faults_at(std::slice::from_ref(&marking), &with(31)), Vec::<String>::new());
    for wrong in [30, 32, 99] {
        let found = faults_at(std::slice::from_ref(&marking), &with(wrong));
        assert!(found.len() == 1 && found[0].contains("RFC 8289"), "{wrong}: {found:?}");
    }
    let forbidden = PortFacts { marks: false, ..marking };
    assert!(faults_at(&[forbidden], &with(31))[0].contains("was marked"));
}

#[test]
fn a_mark_stays_and_none_comes_from_nowhere() {
    let ports = [port("a->b", "a", "b"), PortFacts { marks: true, ..port("b->c", "b", "c") }];
    let path = |first: &str, second: &str| {
        format!(
            "a->b,1,1000,0,0,0.001,0.002,delivered,,{first}\nb->c,1,1000,0.002,0.002,0.003,0.004,delivered,,{second}\n"
        )
    };
    for (first, second) in [("ect0", "ect0"), ("ect0", "ce"), ("not_ect", "not_ect"), ("", "")] {
        assert_eq!(faults_at(&ports, &path(first, second)), Vec::<String>::new());
    }
    for (first, second) in [("ce", "ce"), ("not_ect", "ce"), ("ect0", "not_ect"), ("ect0", "ect1"), ("ce", "ect0")] {
        assert!(!faults_at(&ports, &path(first, second)).is_empty(), "{first} {second}");
    }
}

#[test]
fn a_trace_carries_1500_bytes_at_each_stamp() {
    let traced = |stamps: &[u64]| PortFacts {
        speed: vec![(0, Speed::Trace(stamps.to_vec()))],
        limit: vec![(0, (Some(9), None))],
        ..port("t", "a", "b")
    };
    // Stamps at 2, 5 and 5 ms, then 7, 10, 10, …: two packets of 1000 B share what leaves at 2 and at 5; the third takes the rest of 5.
    let lawful = "t,1,1000,0,0,0.002,0.003,delivered\nt,2,1000,0,0.002,0.005,0.006,delivered\nt,3,1000,0,0.005,0.005,0.006,delivered\n\
                  t,4,2000,0,0.005,0.007,0.008,delivered\nt,5,1500,0.008,0.008,0.01,0.011,delivered\n";
    assert_eq!(faults_at(&[traced(&[2, 5, 5])], lawful), Vec::<String>::new());
    // One opportunity less, or others; and a byte more than an opportunity has.
    for stamps in [&[2, 5][..], &[2, 4, 5], &[3, 5, 5]] {
        assert!(!faults_at(&[traced(stamps)], lawful).is_empty(), "{stamps:?}");
    }
    let more = lawful.replace("t,5,1500", "t,5,1501");
    assert!(faults_at(&[traced(&[2, 5, 9])], &more).iter().any(|fault| fault.contains("took")));
}

#[test]
fn jitter_has_a_most() {
    // 1 ms to send, 1 ms of delay, at most 1 ms of jitter.
    let jittery = |unordered| PortFacts { jitter: Some(1_000_000_000), unordered, ..port("j", "a", "b") };
    let two = |first: &str, second: &str| {
        format!("j,1,1000,0,0,0.001,{first},delivered\nj,2,1000,0.001,0.001,0.002,{second},delivered\n")
    };
    for (unordered, first, second, good) in [
        (false, "0.002", "0.003", true),
        (false, "0.003", "0.004", true),
        (false, "0.0031", "0.004", false),
        (false, "0.002", "0.0041", false),
        (false, "0.0019", "0.003", false),
        (true, "0.003", "0.003", true),
        (true, "0.003", "0.0041", false),
    ] {
        assert_eq!(faults_at(&[jittery(unordered)], &two(first, second)).is_empty(), good, "{first} {second}");
    }
    // One behind it may be later, where it had to wait for one that came late.
    let behind = "j,1,1000,0,0,0.001,0.003,delivered\nj,2,100,0.001,0.001,0.0011,0.003,delivered\n";
    assert_eq!(faults_at(&[jittery(false)], behind), Vec::<String>::new());
}
