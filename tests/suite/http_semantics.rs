//! Manners of HTTP that a page seldom shows: time-outs, chunks, what may not leave early, fields that belong to somebody, refusals with a date.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use sim_core::{Kind, Outcome};

use crate::command::{Folder, clockwire};
use crate::http::{load, rows, run};

/// Two browsers, a server, a router between them; round trips of 40 ms.
fn file(services: &str, workload: &str, more: &str) -> String {
    format!(
        "clockwire: 1\nname: http-semantics\nseed: 3\nstop: 400 s\nhosts: {{ a: {{}}, b: {{}}, z: {{}}, store: {{}} }}\nrouters: {{ r: {{}} }}\nlinks:\n\
         \x20 - a -- r: {{ name: la, rate: 1 Gbit/s, delay: 1 ms }}\n  - b -- r: {{ name: lb, rate: 1 Gbit/s, delay: 1 ms }}\n\
         \x20 - store -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n  - r -- z: {{ name: path, rate: 1 Gbit/s, delay: 19 ms }}\n\
         services:\n  s: {{ on: store, web: {{ pages: {{ /: {{}}, /a.css: {{}} }} }} }}\n  {services}\nworkload:\n  {workload}\n{more}"
    )
}

/// Rows of `browse` in the order of their flows and numbers.
fn browsed(outcome: &Outcome) -> Vec<Browsed> {
    let rows = outcome.table("browse").expect("it is written where it runs");
    let column = |name: &str| rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let mut found: Vec<Browsed> = rows
        .iter()
        .map(|(_, values)| {
            let word = |name: &str| match rows.table.columns[column(name)].kind {
                Kind::Word(words) => words.get(values[column(name)] as usize).copied().unwrap_or("-").to_string(),
                _ => outcome.texts[&values[column(name)]].clone(),
            };
            let number = |name: &str| values[column(name)];
            Browsed {
                place: (number("flow"), number("number")),
                method: word("method"),
                url: word("url"),
                outcome: word("outcome"),
                secured: word("secured"),
                status: number("status"),
                connection: number("connection"),
                ms: number("total_s").checked_div(1_000_000_000).unwrap_or_default(),
                bytes: [number("http_up_bytes"), number("http_down_bytes"), number("body_down_bytes")],
            }
        })
        .collect();
    found.sort_by_key(|row| row.place);
    found
}

#[derive(Debug)]
struct Browsed {
    place: (u64, u64),
    method: String,
    url: String,
    outcome: String,
    secured: String,
    status: u64,
    connection: u64,
    ms: u64,
    bytes: [u64; 3],
}

/// A browser's requests to `w` at z; the browser is in the file as it is written.
fn visits(web: &str, browse: &str) -> Vec<Browsed> {
    browsed(&run(&file(
        &format!("w: {{ on: z, web: {{ {web} }} }}"),
        &format!("ann: {{ from: a, browse: {{ {browse} }} }}"),
        "",
    )))
}

fn statuses(found: &[Browsed]) -> Vec<u64> {
    found.iter().map(|row| row.status).collect()
}

/// Field lines that tshark finds in what passed the link of the first browser.
fn sharked(text: &str, ports: &[&str], fields: &[&str]) -> Option<Vec<String>> {
    Command::new("tshark").arg("--version").output().ok()?;
    let folder = Folder::new(&format!("http-semantics-{}", RUNS.fetch_add(1, Ordering::Relaxed)));
    fs::write(folder.0.join("x.yaml"), text.to_string() + "outputs: { capture: [la] }\n").expect("a file");
    let ran = clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", "out"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(folder.0.join("out/seed-3/capture.pcapng")).args(["-T", "fields"]);
    for port in ports {
        tshark.args(["-d", port]);
    }
    for field in fields {
        tshark.args(["-e", field]);
    }
    let out = tshark.output().expect("it runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Some(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect())
}

/// Tests run beside each other, each in its own folder.
static RUNS: AtomicU64 = AtomicU64::new(0);

const ITEM: &str = "{\"id\":0,\"name\":\"n\",\"price_cents\":1,\"tags\":[],\"stock\":1}";

/// Who goes away in the middle, or is gone without a word, takes no place for ever.
#[test]
fn servers_do_not_wait_for_ever() {
    // The only place of a server is held by a client whose link is gone while it thinks.
    let web = "web: { from: [a, b], to: z, port: 80, http: { count: 2, think: 300 s, connections_limit: 1, keepalive_timeout: 20 s } }";
    let found = rows(&run(&file("", web, "events: [ { at: 500 ms, link: la, down: true } ]\n")));
    let first = |flow: u64| found.iter().find(|(row, _)| row["flow"] == flow && row["number"] == 1).expect("a row");
    assert_eq!((first(1).1, first(2).1), ("finished", "finished"));
    assert!((20_000_000..50_000_000).contains(&first(2).0["total_s"]), "{:?}", first(2));

    // The only worker waits for the rest of a body that does not come.
    let post = "web: { from: [a, b], to: z, port: 80, http: { count: 1, method: post, request: 900 kB, workers: 1, request_timeout: 20 s } }";
    let found = rows(&run(&file("", post, "events: [ { at: 100 ms, link: la, down: true } ]\n")));
    let b = found.iter().find(|(row, _)| row["flow"] == 2).expect("a row");
    assert_eq!((b.1, b.0["total_s"] / 1_000_000), ("finished", 20), "{b:?}");

    // The same of `web`, over TLS and HTTP/2, where both sit on their own connections.
    for (tls, url) in [("", "http://z/items"), ("names: [ z ], tls: {}, ", "https://z:80/items")] {
        let web = format!("w: {{ on: z, web: {{ {tls}workers: 1, items: 1, request_timeout: 20 s }} }}");
        let long = "x".repeat(300_000);
        let browse = format!(
            "ann: {{ from: a, browse: {{ steps: [ 'post {url} | {long}' ] }} }}\n  bob: {{ from: b, start: 1 s, browse: {{ steps: [ get {url} ] }} }}"
        );
        let found = browsed(&run(&file(&web, &browse, "events: [ { at: 190 ms, link: la, down: true } ]\n")));
        let bob = found.iter().find(|row| row.place.0 == 2).expect("a row");
        assert_eq!((bob.status, bob.ms / 1000), (200, 19), "{found:?}");
    }
}

/// A browser finds the connection closed that it has not used for longer than the server waits, and opens another one.
#[test]
fn idle_connections_are_closed_and_opened_again() {
    for (tls, url) in [("", "http://z/"), ("names: [ z ], tls: {}, ", "https://z:80/")] {
        for (patience, second) in [("", 1), ("keepalive_timeout: 5 s, ", 2)] {
            let browse = format!("cache: false, think: 30 s, steps: [ get {url}, get {url}, get {url} ]");
            let found = visits(&format!("{tls}{patience}pages: {{ /: {{}} }}"), &browse);
            assert_eq!(statuses(&found), [200; 3]);
            let used: Vec<u64> = found.iter().map(|row| row.connection).collect();
            assert_eq!(used, [1, second, if second == 1 { 1 } else { 3 }], "{url} {patience}");
        }
    }
    // Polling goes on; a WebSocket is no idle connection of HTTP.
    for (mode, most) in [("mode: polling, poll: 9 s, keepalive_timeout: 5 s", 9000), ("request_timeout: 5 s", 100)] {
        let news = format!("n: {{ from: a, to: z, port: 80, websocket: {{ count: 3, interval: 100 s, {mode} }} }}");
        let outcome = run(&file("", &news, ""));
        let rows = outcome.table("messages").expect("it is written where it runs");
        let at = rows.table.columns.iter().position(|column| column.name == "delay_s").expect("a column");
        let delays: Vec<u64> = rows.iter().map(|(_, row)| row[at] / 1_000_000_000).collect();
        assert!(delays.len() == 3 && delays.iter().all(|ms| *ms <= most + 200), "{mode}: {delays:?}");
    }
}

/// RFC 9112 §7.1: each chunk has its length before it and a line's end behind it; a chunk of nothing ends them.
#[test]
fn chunks_cost_what_stands_around_them() {
    // 16384, 16384 and 7232 bytes: `4000`, `4000` and `1c40` in hexadecimal, and the last chunk; another field instead of the length.
    let around = (4 + 2 + 2) * 3 + 5 + "transfer-encoding: chunked".len() as u64 - "content-length: 40000".len() as u64;
    let page = |more: &str| {
        visits(&format!("pages: {{ /a.txt: {{ size: 40000 B{more} }} }}"), "steps: [ get http://z/a.txt ]")
    };
    let (whole, cut) = (page(""), page(", chunked: true"));
    assert_eq!((cut[0].status, cut[0].bytes[2]), (200, 40_000));
    assert_eq!(cut[0].bytes[1] - whole[0].bytes[1], around, "{cut:?}");
    // HTTP/2 has no chunks: the field that says the length is missing, and that is all.
    let page = |more: &str| {
        let web = format!("names: [ z ], tls: {{}}, pages: {{ /a.txt: {{ size: 40000 B{more} }} }}");
        visits(&web, "steps: [ 'get https://z:80/a.txt' ]")
    };
    let (whole, cut) = (page(""), page(", chunked: true"));
    assert!((1..30).contains(&(whole[0].bytes[1] - cut[0].bytes[1])), "{whole:?} {cut:?}");

    let posts = |more: &str| {
        let http = format!("count: 2, method: post, request: 40000 B, response: 40000 B{more}");
        file("", &format!("web: {{ from: a, to: z, port: 80, http: {{ {http} }} }}"), "")
    };
    let (whole, cut) = (rows(&run(&posts(""))), rows(&run(&posts(", chunked: true"))));
    for ((whole, _), (cut, ended)) in whole.iter().zip(&cut) {
        assert_eq!((*ended, cut["body_up_bytes"], cut["body_down_bytes"]), ("finished", 40_000, 40_000));
        for way in ["http_up_bytes", "http_down_bytes"] {
            assert_eq!(cut[way] - whole[way], around, "{way}");
        }
    }
    if let Some(found) = sharked(&posts(", chunked: true"), &["tcp.port==80,http"], &["http.transfer_encoding"]) {
        assert_eq!(found, ["chunked"; 4], "two requests and two answers");
    }
}

/// RFC 8470 §4 and §5.2.
#[test]
fn what_may_do_harm_twice_does_not_leave_early() {
    let steps = format!(
        "steps: [ 'get https://z:80/', 'get https://z:80/', 'post https://z:80/items | {ITEM}', 'get https://z:80/' ], cache: false, think: 3 s, \
         tls: {{ resumption: 0-rtt }}"
    );
    for http2 in [true, false] {
        let web =
            "names: [ z ], tls: { resumption: 0-rtt }, items: 2, keepalive_timeout: 1 s, pages: { /: { size: 1 kB } }";
        let browse = format!("http2: {http2}, {steps}");
        let found = visits(web, &browse);
        let secured: Vec<&str> = found.iter().map(|row| row.secured.as_str()).collect();
        assert_eq!((secured, statuses(&found)), (vec!["full", "early", "resumed", "early"], vec![200, 200, 201, 200]));
        let refused = visits(&format!("{web}, too_early: true"), &browse);
        assert_eq!(statuses(&refused), [200, 200, 201, 200], "asked again");
        // Two round trips in early data; where they were refused, one more on the same connection.
        assert!((refused[1].ms - found[1].ms).abs_diff(40) < 10, "{refused:?} {found:?}");
    }
}

/// RFC 9110 §8.6: what HEAD says of the length is what GET says.
#[test]
fn head_says_how_long_it_would_be() {
    let text = file(
        "w: { on: z, web: { names: [ z ], tls: {}, pages: { /a.txt: { size: 1484 B } } } }",
        "ann: { from: a, browse: { cache: false, steps: [ 'head https://z:80/a.txt', 'get https://z:80/a.txt' ] } }",
        "",
    );
    let found = sharked(&text, &["tcp.port==80,tls"], &["http2.headers.content_length"]);
    if let Some(found) = found {
        assert_eq!(found, ["1484"; 2]);
    }
}

/// RFC 6455 §4.1: "The nonce MUST be selected randomly for each connection."
#[test]
fn each_websocket_has_a_key_of_its_own() {
    let news =
        "n: { from: a, to: z, port: 80, websocket: { count: 9, killed: 2 s, restarted: 4 s, reconnect: 500 ms } }";
    if let Some(found) = sharked(&file("", news, ""), &[], &["http.sec_websocket_key"]) {
        let mut keys = found.clone();
        keys.dedup();
        assert!(found.len() >= 2 && keys.len() == found.len(), "{found:?}");
    }
}

#[test]
fn items_have_plain_numbers_that_end() {
    let item = |step: &str| format!("'{step} | {ITEM}'");
    let steps = [
        item("put http://z/items/9223372036854775807"),
        item("post http://z/items"),
        item("put http://z/items/-5"),
        "get http://z/items/+1".into(),
        "get http://z/items/01".into(),
        "get http://z/items/0".into(),
        "get http://z/items/9223372036854775808".into(),
        item("post http://z/items | content-type: Application/JSON"),
        "'put http://z/items/1 | content-type: Text/XML | <item><id>0</id><name>q</name><price_cents>1</price_cents><stock>3</stock></item>'".into(),
        "get http://z/items/1".into(),
    ];
    let found = visits("items: 2", &format!("steps: [ {} ]", steps.join(", ")));
    assert_eq!(statuses(&found), [201, 507, 404, 404, 404, 404, 404, 507, 200, 200]);
}

/// RFC 9110 §12.5.3: an entry for the coding decides, and `*` where there is none.
#[test]
fn what_is_not_accepted_is_not_compressed() {
    let cases = [
        ("gzip;q=0, *", false),
        ("*, gzip;q=0", false),
        ("*;q=0, gzip", true),
        ("GZIP;q=0.1", true),
        ("br, *;q=0.1", true),
        ("*;q=0", false),
        ("identity", false),
    ];
    for (accepted, compressed) in cases {
        let step = format!("'get http://z/a.txt | accept-encoding: {accepted}'");
        let found = visits("compress: true, pages: { /a.txt: { size: 20 kB } }", &format!("steps: [ {step} ]"));
        assert_eq!((found[0].status, found[0].bytes[2] < 20_000), (200, compressed), "{accepted}: {found:?}");
    }
}

/// RFC 1034 §3.1: a name with a dot at its end is the same, and whole.
#[test]
fn a_name_with_a_dot_at_its_end_is_served() {
    for (tls, url) in [("", "http://www.z.test./"), ("tls: {}, ", "https://www.z.test.:80/")] {
        let services = format!(
            "w: {{ on: z, web: {{ {tls}names: [ www.z.test ], pages: {{ /: {{}} }} }} }}\n  \
             n: {{ on: store, dns: {{ zones: {{ test: {{ records: [ www.z A z ] }} }} }} }}"
        );
        let text = file(&services, &format!("ann: {{ from: a, browse: {{ steps: [ get {url} ] }} }}"), "");
        let found = browsed(&run(&text.replace("a: {}, b", "a: { resolver: store }, b")));
        assert_eq!(statuses(&found), [200], "{found:?}");
    }
}

/// RFC 9110 §4.2.4 and §15.4, RFC 7617 §2, RFC 9113 §8.3.1.
#[test]
fn who_asks_is_told_to_whom_it_concerns() {
    let text = |url: &str| {
        file(
            &format!(
                "w: {{ on: z, web: {{ names: [ z ], {}pages: {{ /: {{ holds: [ /a.css, 'http://store/a.css' ] }}, /away: {{ redirect: 'http://store/' }} }} }} }}",
                if url.starts_with("https") { "tls: {}, " } else { "" }
            ),
            &format!(
                "ann: {{ from: a, browse: {{ steps: [ 'get {url}', 'get {} | authorization: Bearer x' ] }} }}",
                url.replace("us%65r:p w@", "") + "away"
            ),
            "",
        )
    };
    let found = browsed(&run(&text("http://us%65r:p w@z/")));
    let urls: Vec<(&str, u64)> = found.iter().map(|row| (row.url.as_str(), row.status)).collect();
    let expected = [
        ("http://z/", 200),
        ("http://z/a.css", 404),
        ("http://store/a.css", 200),
        ("http://z/away", 301),
        ("http://store/", 200),
    ];
    assert_eq!(urls, expected);
    let fields = ["http.request.uri", "http.host", "http.authorization"];
    if let Some(mut found) = sharked(&text("http://us%65r:p w@z/"), &[], &fields) {
        found.retain(|line| line.starts_with('/'));
        found.sort();
        // `user:p w` in base64.
        let expected = [
            "/\tstore\t",
            "/\tz\tBasic dXNlcjpwIHc=",
            "/a.css\tstore\t",
            "/a.css\tz\tBasic dXNlcjpwIHc=",
            "/away\tz\tBearer x",
        ];
        assert_eq!(found, expected);
    }
    let fields = ["http2.headers.authority", "http2.headers.authorization"];
    if let Some(found) = sharked(&text("https://us%65r:p w@z:80/"), &["tcp.port==80,tls"], &fields) {
        assert!(found.iter().all(|line| line.starts_with("z:80") && !line.contains("user")), "{found:?}");
    }
}

/// A connection of HTTP/2 that has failed, or that the other side has left, is not handed out again.
#[test]
fn dead_connections_are_not_used_again() {
    let browse = "cache: false, think: 10 s, timeout: 100 s, steps: [ 'get https://z:80/', 'get https://z:80/', 'get https://z:80/' ]";
    let found = visits("names: [ z ], tls: {}, keepalive_timeout: 10 s, pages: { /: {} }", browse);
    assert_eq!(statuses(&found), [200; 3], "{found:?}");
}

/// RFC 9110 §6.6.1.
#[test]
fn refusals_have_a_date() {
    let web = "names: [ z ], items: 1, pages: { /: {} }, url_limit: 30 B, header_limit: 8 KiB, body_limit: 90 B";
    let long = "y".repeat(9000);
    let steps = format!(
        "get http://z/{long}, 'get http://z/ | x-long: {long}', 'post http://z/items | {long}', 'get http://z/none', 'get http://store/none'"
    );
    let text = |web: &str, steps: &str| {
        file(
            &format!("w: {{ on: z, web: {{ {web} }} }}"),
            &format!("ann: {{ from: a, browse: {{ steps: [ {steps} ] }} }}"),
            "",
        )
    };
    let found = browsed(&run(&text(web, &steps)));
    assert_eq!(statuses(&found), [414, 431, 413, 404, 404]);
    for (web, steps, statuses) in [
        (web, steps.as_str(), "414 431 413 404 404"),
        ("rate_limit: 1, pages: { /: {} }", "get http://z/, get http://z/x", "200 429"),
    ] {
        let Some(found) = sharked(&text(web, steps), &[], &["http.response.code", "http.date", "http.server"]) else {
            return;
        };
        let codes: Vec<&str> =
            found.iter().filter_map(|line| line.split('\t').next()).filter(|code| !code.is_empty()).collect();
        assert_eq!(codes.join(" "), statuses);
        assert!(found.iter().all(|line| line.contains("GMT") && line.ends_with("clockwire")), "{found:?}");
    }
}

#[test]
fn what_speaks_no_tls_is_said_to() {
    let found = visits("pages: { /: {} }", "steps: [ 'get https://z:80/' ]");
    assert_eq!((found[0].outcome.as_str(), found[0].method.as_str()), ("no_tls", "GET"));
    // As many authorities as clients follow.
    let chain = |chain: u64| {
        visits(
            &format!("names: [ z ], tls: {{ chain: {chain} }}, pages: {{ /: {{}} }}"),
            "steps: [ 'get https://z:80/' ]",
        )
    };
    assert_eq!(statuses(&chain(6)), [200]);
}

#[test]
fn a_store_with_a_password_is_told_it() {
    for (password, status) in [("", 503), (", store_password: secret", 303), (", store_password: other", 503)] {
        let services = format!(
            "w: {{ on: z, web: {{ pages: {{ /: {{}} }}, sessions: {{ users: [ 'ann:right' ], store: b{password} }} }} }}\n  t: {{ on: b, store: {{ password: secret }} }}"
        );
        let browse =
            "ann: { from: a, browse: { steps: [ 'post http://z/login | user=ann&password=right' ], redirects: 1 } }";
        assert_eq!(browsed(&run(&file(&services, browse, "")))[0].status, status, "{password}");
    }
}

#[test]
fn what_would_be_ignored_is_refused() {
    for (web, why) in [
        ("pages: { /login: {} }, sessions: { users: [ 'a:b' ] }", "the page would never be seen"),
        ("pages: { /uri-res/N2L: {} }, urns: [ 'urn:example:a /' ]", "`/uri-res/N2L` belongs to `urns`"),
        ("pages: { /: { redirect: /x, size: 5 kB } }", "a page with `redirect` has no body of its own"),
        ("pages: { /: { redirect: /x, changes: 1 s } }", "a page with `redirect` has no body of its own"),
        ("pages: { /: { max_age: 400 ms } }", "it is told in whole seconds (RFC 9111 §1.2.2)"),
        ("pages: { /: { size: 1 TB } }", "a page is made as a whole, of 64 MiB at the most"),
        (
            "names: [ www.shop.test ], sessions: { users: [ 'a:b' ], domain: other.test }",
            "no name of the server is in `other.test`",
        ),
        ("sessions: { users: [ 'a:b' ], store_password: x }", "it needs `store`"),
        ("too_early: true", "nothing comes early"),
        ("keepalive_timeout: 0 s", "no client could be in time"),
        ("names: [ z ], tls: { chain: 7 }", "chain"),
    ] {
        let error = load(&file(&format!("w: {{ on: z, web: {{ {web} }} }}"), "ann: { from: a, ping: {}, to: z }", ""));
        let error = error.expect_err(web);
        assert!(error.contains(why), "`{web}`: {error}");
    }
    assert!(
        load(&file(
            "w: { on: z, web: { names: [ www.shop.test ], sessions: { users: [ 'a:b' ], domain: shop.test } } }",
            "ann: { from: a, ping: {}, to: z }",
            ""
        ))
        .is_ok()
    );
    for field in
        ["host: x", "connection: close", "content-length: 3", "transfer-encoding: chunked", "expect: 100-continue"]
    {
        let error =
            load(&file("", &format!("ann: {{ from: a, browse: {{ steps: [ 'get http://z/ | {field}' ] }} }}"), ""));
        let error = error.expect_err(field);
        assert!(error.contains("` is set by the library, or by a parameter"), "{field}: {error}");
    }
    for (http, why) in [
        ("chunked: true, version: 2", "HTTP/2 has frames instead"),
        ("fail: 100 %, response: 0 B", "an empty answer has no middle"),
        ("request_timeout: 0 s", "no client could be in time"),
    ] {
        let error = load(&file("", &format!("ann: {{ from: a, to: z, http: {{ {http} }} }}"), "")).expect_err(http);
        assert!(error.contains(why), "`{http}`: {error}");
    }
    let error =
        load(&file("", "ann: { from: a, to: z, websocket: { keepalive_timeout: 3 s } }", "")).expect_err("push");
    assert!(error.contains("it needs `mode: polling`"), "{error}");
}
