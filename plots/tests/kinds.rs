//! Every kind of figure draws from the tables in `data/results`, readably and always with the same bytes.

use std::path::{Path, PathBuf};

use plots::{Drawn, Error, Request, Source, kinds};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/results")
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
    folder
}

fn draw(name: &str, requests: &[Request]) -> Result<Vec<Drawn>, Error> {
    draw_from(&[Source { label: String::new(), tables: plots::Tables::Folder(data()) }], name, requests)
}

fn draw_from(sources: &[Source], name: &str, requests: &[Request]) -> Result<Vec<Drawn>, Error> {
    let requests: Vec<(&[Source], &Request)> = requests.iter().map(|request| (sources, request)).collect();
    plots::draw(&requests, &folder(name), "an experiment, seed 7").into_iter().collect()
}

/// A request for each kind, and what its text must say.
fn requests() -> Vec<(Request, &'static [&'static str])> {
    vec![
        (Request::new("cwnd"), &["Congestion window (segments)", "Time (s)", "bulk1", "time-out (RTO) (1)"]),
        (Request::new("throughput"), &["Throughput (Mbit/s)", "Time (s)", "bulk2"]),
        (Request::new("goodput"), &["Goodput (Mbit/s)", "web10", "Jain's"]),
        (Request::new("queue"), &["Queue length (packets)", "Queueing delay (ms)", "drops ("]),
        (Request::new("rtt"), &["Round-trip time (ms)", "Time (s)"]),
        (Request::new("time_sequence"), &["Sequence number (kB)", "sent again (1)", "lost (1)", "selectively acked"]),
        (
            Request::new("ladder"),
            &["SYN  seq=0", "SYN ACK  seq=0 ack=1", "ESTABLISHED", "client", "server", "\nsent by "],
        ),
        (Request::new("cdf"), &["Share of values (%)", "Latency (ms)", "grpc"]),
        (
            Request::new("xy").with("table", &["queue"]).with("y", &["queue_bytes", "delay"]).with("group", &["link"]),
            &["Queue (kB)", "Delay (ms)", "Time (s)"],
        ),
        (
            Request::new("sweep")
                .with("x", &["wan.loss"])
                .with("y", &["goodput"])
                .with("group", &["cc"])
                .with("reference", &["goodput_mathis"])
                .with("log", &["x", "y"]),
            &["wan.loss (%)", "Goodput (Mbit/s)", "Mathis", "cubic", "5 runs each"],
        ),
        (
            Request::new("bars").with("x", &["wan.loss"]).with("y", &["retransmitted_ratio"]).with("group", &["cc"]),
            &["Retransmitted (%)", "0.03 %"],
        ),
        (
            Request::new("heatmap").with("x", &["wan.loss"]).with("y", &["cc"]).with("value", &["goodput"]),
            &["Goodput (Mbit/s)", "wan.loss", "cubic", "runs)"],
        ),
        (
            Request::new("stacked")
                .with("table", &["queue"])
                .with("x", &["link"])
                .with("y", &["queue_bytes", "sent_bytes"]),
            &["Sum (", "Queue", "Sent", "r1-&gt;r2"],
        ),
        (
            Request::new("waterfall").with("pages", &["1", "3"]),
            &[
                "since the page's start (ms)",
                "page 3",
                "TLS",
                "from the cache",
                "https://web/app.js",
                "POST https://web/login",
            ],
        ),
    ]
}

#[test]
fn every_kind_draws_with_titles_and_units() {
    let requests = requests();
    for kind in kinds() {
        assert!(requests.iter().any(|(request, _)| request.kind == kind.name), "no test draws `{}`", kind.name);
    }
    let only: Vec<Request> = requests.iter().map(|(request, _)| request.clone()).collect();
    let drawn = draw("every", &only).expect("all can be drawn");
    assert_eq!(drawn.len(), requests.len());
    for (drawn, (_, words)) in drawn.iter().zip(&requests) {
        let svg = std::fs::read_to_string(&drawn.svg).expect("it was written");
        for word in *words {
            assert!(svg.contains(word), "{} does not say `{word}`", drawn.kind);
        }
        assert!(svg.len() < 400_000, "{}: {} bytes", drawn.kind, svg.len());
        let png = std::fs::read(&drawn.png).expect("it was written");
        assert_eq!(&png[1..4], b"PNG");
        assert_eq!(&png[16..20], 1200_u32.to_be_bytes(), "{}", drawn.kind);
    }
}

const PACKETS: &str = "time_s,packet,flow,port,from,to,enqueued_s,started_s,arrived_s,fate,protocol,source_port,destination_port,payload_bytes,flags,\
                       seq,ack,window,window_scale,sack1_left,sack1_right,sack2_left,sack2_right,sack3_left,sack3_right,sack4_left,sack4_right\n";

/// Draws a ladder of tables.
fn ladder(name: &str, tables: &[(&str, &str)]) -> String {
    let results = folder(&format!("{name}-tables"));
    std::fs::create_dir_all(&results).expect("a folder");
    for (table, text) in tables {
        std::fs::write(results.join(format!("{table}.csv")), text).expect("a file");
    }
    let sources = [Source { label: String::new(), tables: plots::Tables::Folder(results) }];
    let drawn = draw_from(&sources, name, &[Request::new("ladder")]).expect("it can be drawn");
    std::fs::read_to_string(&drawn[0].svg).expect("it was written")
}

/// Cells of a heat map: every key makes another picture, and a window of time leaves out what is outside of it.
#[test]
fn every_key_of_a_heat_map_bites() {
    let map = || Request::new("heatmap").with("table", &["tcp"]).with("x", &["time"]).with("y", &["flow"]);
    let cwnd = || map().with("value", &["cwnd"]);
    let requests = [
        cwnd(),
        cwnd().with("log", &["true"]),
        cwnd().with("from", &["2 s"]),
        cwnd().with("to", &["2 s"]),
        map().with("value", &["rto"]),
        map().with("value", &["time"]),
    ];
    let requests: Vec<Request> =
        requests.into_iter().zip(["a", "b", "c", "d", "e", "f"]).map(|(one, name)| one.with("file", &[name])).collect();
    let drawn = draw("heat-maps", &requests).expect("all can be drawn");
    let cells = |drawn: &Drawn| {
        let svg = std::fs::read_to_string(&drawn.svg).expect("it was written");
        svg.split_once("data-note").map(|(_, cells)| cells.to_string()).expect("it has cells")
    };
    let all: Vec<String> = drawn.iter().map(cells).collect();
    assert!(all[1..].iter().all(|other| *other != all[0]), "a key changes nothing");
    let count = |cells: &String| cells.matches("data-note").count();
    assert!(count(&all[2]) < count(&all[0]) && count(&all[3]) < count(&all[0]));
}

/// Labels, conditions and scales of figures over runs: each makes another picture, and the labels are read in it.
#[test]
fn every_key_of_means_bites() {
    let bars =
        || Request::new("bars").with("x", &["wan.loss"]).with("y", &["retransmitted_ratio"]).with("group", &["cc"]);
    let stacked = || {
        Request::new("stacked")
            .with("x", &["cc"])
            .with("y", &["goodput", "goodput_mathis"])
            .with("where", &["wan.loss=1 %"])
    };
    let sweep = || Request::new("sweep").with("x", &["wan.loss"]).with("y", &["goodput"]).with("group", &["cc"]);
    let map = || Request::new("heatmap").with("x", &["wan.loss"]).with("y", &["cc"]).with("value", &["goodput"]);
    let cdf = || Request::new("cdf").with("group", &["flow"]);
    let xy = || Request::new("xy").with("table", &["queue"]).with("y", &["delay"]).with("group", &["link"]);
    let cases: Vec<(Request, Request, &str)> = vec![
        (bars(), bars().with("where", &["cc=reno"]), ">reno"),
        (bars(), bars().with("log", &["true"]), "Retransmitted (%)"),
        (bars(), bars().with("y_label", &["Sent again"]), "Sent again (%)"),
        (bars(), bars().with("x_label", &["Loss"]), "by loss"),
        (bars(), bars().with("group_label", &["control"]), "colours: control; "),
        (stacked(), stacked().with("where", &["wan.loss=0.01 %"]), "Sum (Mbit/s)"),
        (stacked(), stacked().with("y_label", &["Measured", "Theory"]), ">Theory"),
        (stacked(), stacked().with("x_label", &["Both"]), "Both (Mbit/s)"),
        (sweep(), sweep().with("where", &["cc=reno"]), "Goodput (Mbit/s)"),
        (sweep(), sweep().with("x_label", &["Loss"]), "Loss (%)"),
        (sweep(), sweep().with("y_label", &["Speed"]), "Speed (Mbit/s)"),
        (map(), map().with("where", &["cc=c*"]), ">cubic"),
        (map(), map().with("x_label", &["Loss"]), ">Loss"),
        (map(), map().with("y_label", &["Control"]), ">Control"),
        (map(), map().with("value_label", &["Speed"]), "Speed (Mbit/s)"),
        (cdf(), cdf().with("where", &["flow=grpc"]), "values of grpc"),
        (cdf(), cdf().with("x_label", &["Until answered"]), "Until answered (ms)"),
        (xy(), xy().with("where", &["link=r1->r2"]), "Delay (ms)"),
        (xy(), xy().with("x_label", &["Clock"]), "Clock (s)"),
        (xy(), xy().with("y_label", &["Wait"]), "Wait (ms)"),
    ];
    for (at, (without, with, says)) in cases.into_iter().enumerate() {
        let requests = [without.with("file", &["without"]), with.with("file", &["with"])];
        let drawn = draw(&format!("means-{at}"), &requests).expect("both can be drawn");
        let [without, with] = [0, 1].map(|at: usize| std::fs::read_to_string(&drawn[at].svg).expect("it was written"));
        assert!(without != with, "case {at} changes nothing");
        assert!(with.contains(says), "case {at} does not say `{says}`");
    }
}

/// Rows of different points are no repetitions, so no figure makes an interval of them.
#[test]
fn points_are_not_pooled() {
    for request in [
        Request::new("stacked").with("x", &["cc"]).with("y", &["goodput", "goodput_mathis"]),
        Request::new("sweep").with("x", &["wan.loss"]).with("y", &["goodput"]),
        Request::new("heatmap").with("x", &["cc"]).with("y", &["seed"]).with("value", &["goodput"]),
    ] {
        let kind = request.kind.clone();
        let rest = if kind == "sweep" { "cc" } else { "wan.loss" };
        let one = request.clone().with("where", &[if kind == "sweep" { "cc=reno" } else { "wan.loss=1 %" }]);
        assert!(draw("pooled-one", &[one]).is_ok(), "{kind}");
        let why = draw("pooled", &[request]).expect_err("two points in one mean").to_string();
        for word in ["`where`", &format!("`{rest}`"), &format!("where: {rest}=")] {
            assert!(why.contains(word), "{kind}: `{why}` does not say {word}");
        }
    }
    // Bars have room for one axis more.
    let bars = Request::new("bars").with("x", &["cc"]).with("y", &["goodput"]);
    let drawn = draw("pooled-bars", &[bars.clone().with("file", &["a"]), bars.with("group", &["wan.loss"])]);
    let [own, asked] = &drawn.expect("they can be drawn")[..] else { panic!("two figures") };
    let svg = |path| std::fs::read_to_string(path).expect("it was written");
    assert_eq!(svg(&own.svg), svg(&asked.svg));
}

#[test]
fn a_simultaneous_open_sends_nothing_again() {
    let rows = "0.02,1,web,wan,a,b,0,0,0.02,delivered,tcp,9,80,0,SYN,7,,100,,,,,,,,,\n\
                0.02,2,web,wan,b,a,0,0,0.02,delivered,tcp,80,9,0,SYN,50,,100,,,,,,,,,\n\
                0.04,3,web,wan,a,b,0.02,0.02,0.04,delivered,tcp,9,80,0,SYN|ACK,7,51,100,,,,,,,,,\n\
                0.04,4,web,wan,b,a,0.02,0.02,0.04,delivered,tcp,80,9,0,SYN|ACK,50,8,100,,,,,,,,,\n";
    let svg = ladder("ladder-open", &[("packets", &format!("{PACKETS}{rows}"))]);
    assert!(svg.contains("SYN ACK  seq=0 ack=1") && !svg.contains("sent again"), "{svg}");
    let twice = rows
        .replace("4,web,wan,b,a,0.02", "4,web,wan,a,b,0.02")
        .replace(",80,9,0,SYN|ACK,50,8,", ",9,80,0,SYN|ACK,7,51,");
    let svg = ladder("ladder-again", &[("packets", &format!("{PACKETS}{twice}"))]);
    assert!(svg.contains("sent again: no answer"), "{svg}");
}

/// Packets say what is in them, those in which nothing begins by their ports; the packets of ARP belong to every flow, and where there is little room the window goes first.
#[test]
fn a_ladder_names_protocols() {
    let rows = "0.001,1,,lan,a,r,0,0,0.001,delivered,arp,,,,,,,,,,,,,,,,,\"ARP, Request who-has r\"\n\
                0.003,2,web,lan,a,r,0.002,0.002,0.003,delivered,udp,9,53,31,,,,,,,,,,,,,,DNS query www A\n\
                0.030,2,web,wan,r,b,0.003,0.003,0.030,delivered,udp,9,53,31,,,,,,,,,,,,,,DNS query www A\n\
                0.060,3,web,wan,b,r,0.031,0.031,0.060,delivered,udp,53,9,47,,,,,,,,,,,,,,DNS answer A 10.0.0.1\n\
                0.090,4,web,wan,r,b,0.061,0.061,0.090,delivered,tcp,9,443,254,PSH|ACK,1000000000,2000000000,65535,,,,,,,,,,ClientHello (www)\n\
                0.190,5,web,wan,r,b,0.161,0.161,0.190,delivered,tcp,9,443,254,PSH|ACK,1000000254,2000000000,65535,,,,,,,,,,\n";
    let results = folder("ladder-names-tables");
    std::fs::create_dir_all(&results).expect("a folder");
    std::fs::write(results.join("packets.csv"), format!("{}{rows}", PACKETS.replace('\n', ",content\n")))
        .expect("a file");
    let sources = [Source { label: String::new(), tables: plots::Tables::Folder(results) }];
    let request = Request::new("ladder").with("flows", &["web"]).with("hosts", &["a", "r", "b"]).with("raw", &["true"]);
    let drawn = draw_from(&sources, "ladder-names", &[request]).expect("it can be drawn");
    let svg = std::fs::read_to_string(&drawn[0].svg).expect("it was written");
    for words in [
        ">ARP, Request who-has r<",
        ">DNS query www A  len=31<",
        ">DNS answer A 10.0.0.1  len=47<",
        ">ClientHello (www)  seq=1000000000 len=254<",
        ">TLS  seq=1000000254 ack=2000000000 len=254<",
    ] {
        assert!(svg.contains(words), "{words} is not in {svg}");
    }
    // The way that takes longest says it, and that alone.
    assert_eq!(svg.matches(">DNS query www A  len=31<").count(), 1);
}

/// What a ladder tells besides its arrows: retransmissions with their causes, requests, where a packet waited and was lost.
#[test]
fn a_ladder_tells_causes() {
    let packets = "0.02,1,web,wan,a,b,0,0,0.02,delivered,tcp,9,80,0,SYN,7,,100,,,,,,,,,\n\
                   0.04,2,web,wan,b,a,0.02,0.02,0.04,delivered,tcp,80,9,0,SYN|ACK,50,8,100,,,,,,,,,\n\
                   0.06,3,web,wan,a,b,0.04,0.05,,queue_full,tcp,9,80,100,ACK,8,51,100,,,,,,,,,\n\
                   0.27,4,web,wan,a,b,0.24,0.25,0.27,delivered,tcp,9,80,100,ACK,8,51,100,,,,,,,,,\n";
    let tcp = "time_s,flow,node,cwnd_segments,in_flight_segments,state,cause\n0.04,web,a,10,0,open,established\n0.24,web,a,1,1,loss,timeout\n";
    let http = "flow,number,start_s,total_s,outcome,status,cause\nweb,1,0,0.27,finished,200,retransmission\n";
    let packets = format!("{PACKETS}{packets}");
    let svg = ladder("ladder-causes", &[("packets", &packets), ("tcp", tcp), ("http", http)]);
    for words in [
        ">request 1</text>",
        ">200: request 1</text>",
        "most of the time: retransmission",
        "lost on wan: queue full",
        "waited 10 ms for wan",
        "sent again: timeout</text>",
        "its sender: window 1 segments, 1 in flight, state loss, last event timeout at 240.000 ms",
    ] {
        assert!(svg.contains(words), "{words} is not in {svg}");
    }
    assert_eq!(svg.matches("sent again").count(), 2, "one packet, its label and its note");
}

#[test]
fn the_same_tables_give_the_same_bytes() {
    let only: Vec<Request> = requests().into_iter().map(|(request, _)| request).collect();
    let (one, two) = (draw("same-1", &only).expect("drawn"), draw("same-2", &only).expect("drawn"));
    for (one, two) in one.iter().zip(&two) {
        assert!(std::fs::read(&one.svg).ok() == std::fs::read(&two.svg).ok(), "{}", one.kind);
        assert!(std::fs::read(&one.png).ok() == std::fs::read(&two.png).ok(), "{}", one.kind);
    }
}

#[test]
fn what_is_missing_is_named() {
    let says = |request: Request, words: &[&str]| {
        let error = draw("missing", &[request]).expect_err("nothing can be drawn").to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "`{error}` does not say `{word}`"));
    };
    says(Request::new("cwind"), &["no figure `cwind`", "cwnd"]);
    says(Request::new("cwnd").with("color", &["red"]), &["no key `color`", "flows"]);
    says(Request::new("cwnd").with("flows", &["x*"]), &["`tcp`", "`flow`", "x*", "bulk1"]);
    says(Request::new("cwnd").with("from", &["31 s"]), &["`tcp`", "`cwnd_segments`"]);
    says(Request::new("rtt").with("table", &["nothing"]), &["`nothing`", "missing"]);
    says(Request::new("cdf").with("x", &["speed"]), &["`requests`", "`speed`", "latency_s"]);
    says(Request::new("cdf").with("x", &["connect"]), &["`requests`", "`connect_s`"]);
    says(Request::new("sweep").with("x", &["cc"]), &["`y`", "is missing"]);
    says(Request::new("xy").with("table", &["flows"]).with("y", &["outcome"]), &["line 2", "running", "no number"]);
    let xy = Request::new("xy").with("table", &["queue"]).with("y", &["delay"]).with("group", &["link"]);
    says(xy.with("behind", &["r9->r1"]), &["`behind`", "r9->r1", "r1->r2"]);
    says(Request::new("cwnd").with("from", &["soon"]), &["`from`", "soon", "unit"]);
}

#[test]
fn several_results_are_compared_by_variant() {
    let sources = ["small", "huge"].map(|label| Source { label: label.into(), tables: plots::Tables::Folder(data()) });
    let request = Request::new("queue").with("links", &["r1->r2"]).with("group", &["variant"]);
    let rtt = Request::new("rtt").with("group", &["variant"]);
    let xy = Request::new("xy").with("table", &["queue"]).with("y", &["delay"]).with("group", &["variant"]);
    let drawn = draw_from(&sources, "variants", &[request, rtt, xy.with("behind", &["small"])]).expect("drawn");
    for drawn in drawn {
        let svg = std::fs::read_to_string(&drawn.svg).expect("it was written");
        assert!(svg.contains(">small") && svg.contains(">huge"), "{}", drawn.kind);
        assert!(svg.contains("an experiment, seed 7"), "{}", drawn.kind);
    }
}

#[test]
fn names_of_files_are_kept_apart() {
    let requests = [Request::new("rtt"), Request::new("rtt"), Request::new("rtt").with("file", &["a b"])];
    let drawn = draw("names", &requests).expect("drawn");
    let names: Vec<_> = drawn.iter().map(|drawn| drawn.svg.file_name().expect("a name")).collect();
    assert_eq!(names, ["rtt.svg", "rtt-2.svg", "a-b.svg"]);
}

#[test]
fn tables_that_a_figure_needs_are_known() {
    assert_eq!(Request::new("queue").tables().expect("known"), ["queue"]);
    assert_eq!(Request::new("cdf").with("table", &["flows"]).tables().expect("known"), ["flows"]);
}
