//! The web server and the browser of files: statuses as RFC 9110 has them, the cache as RFC 9111, sessions with a store that may be lost, every
//! parameter bites.

use sim_core::Kind;

use crate::http::{load, of_a_distribution, run};

/// A browser, a server with a certificate, a store; round trips of 40 ms to the server and of 10 ms from there to the store.
pub(crate) fn file(web: &str, browse: &str) -> String {
    format!(
        "clockwire: 1\nname: web\nseed: 3\nstop: 100 s\nhosts: {{ a: {{}}, z: {{}}, store: {{}} }}\nlinks:\n\
         \x20 - a -- z: {{ name: path, rate: 1 Gbit/s, delay: 20 ms }}\n  - z -- store: {{ name: back, rate: 1 Gbit/s, delay: 5 ms }}\n\
         services:\n  s: {{ on: store, store: {{}} }}\n  w: {{ on: z, web: {{ {web} }} }}\n\
         workload: {{ ann: {{ from: a, browse: {{ {browse} }} }} }}\n"
    )
}

/// What requests came to: `GET / 200 network finished`, and how long they took in milliseconds.
pub(crate) fn asked(text: &str) -> Vec<(String, u64)> {
    let outcome = run(text);
    let rows = outcome.table("browse").expect("it is written where it runs");
    let column = |name: &str| rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let mut found: Vec<(u64, String, u64)> = rows
        .iter()
        .map(|(_, values)| {
            let word = |name: &str| match rows.table.columns[column(name)].kind {
                Kind::Word(words) => words[values[column(name)] as usize],
                _ => outcome.texts[&values[column(name)]].as_str(),
            };
            let path = word("url").splitn(4, '/').nth(3).unwrap_or_default().to_string();
            let status = values[column("status")];
            let status = if status == u64::MAX { "-".into() } else { status.to_string() };
            let line = format!("{} /{path} {status} {} {}", word("method"), word("from"), word("outcome"));
            (values[column("number")], line, values[column("total_s")].checked_div(1_000_000_000).unwrap_or_default())
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, line, ms)| (line, ms)).collect()
}

fn lines(web: &str, browse: &str) -> Vec<String> {
    asked(&file(web, browse)).into_iter().map(|(line, _)| line).collect()
}

const PAGES: &str = "pages: { /: { holds: [ /a.css, /b.js, /c.png ] }, /a.css: { max_age: 1 h }, /b.js: { max_age: 1 s }, /c.png: { store: false }, \
     /old: { redirect: /new }, /new: {}, /round: { redirect: /round, status: 302 } }";

/// RFC 2169 §2 and §3: the same name in another form leads to the same place.
#[test]
fn names_lead_to_what_they_name() {
    let web = format!("{PAGES}, urns: [ 'urn:example:new%2a /new', 'urn:example:far http://z/a.css' ]");
    let steps = "get http://z/uri-res/N2L?URN:EXAMPLE:new%2A, get http://z/uri-res/N2R?urn:example:new%2a, \
                 get http://z/uri-res/N2R?urn:example:far, get http://z/uri-res/N2L?urn:example:none, get http://z/uri-res/N2L?new, \
                 post http://z/uri-res/N2L?urn:example:far | x";
    let steps: Vec<String> = steps.split(", ").map(|step| format!("'{step}'")).collect();
    let found = lines(&web, &format!("steps: [ {} ]", steps.join(", ")));
    let expected = [
        "GET /uri-res/N2L?URN:EXAMPLE:new%2A 303 network finished",
        "GET /new 200 network finished",
        "GET /uri-res/N2R?urn:example:new%2a 200 network finished",
        "GET /uri-res/N2R?urn:example:far 303 network finished",
        "GET /a.css 200 network finished",
        "GET /uri-res/N2L?urn:example:none 404 network status",
        "GET /uri-res/N2L?new 400 network status",
        "POST /uri-res/N2L?urn:example:far 405 network status",
    ];
    assert_eq!(found, expected);
}

#[test]
fn statuses_are_those_of_the_rfc() {
    let cases = [
        ("get http://z/new", "GET /new 200 network finished"),
        ("head http://z/new", "HEAD /new 200 network finished"),
        ("get http://z/none", "GET /none 404 network status"),
        ("post http://z/new | x", "POST /new 405 network status"),
        ("options http://z/new", "OPTIONS /new 204 network finished"),
        ("get http://z/new | range: bytes=0-99", "GET /new 206 network finished"),
        ("get http://z/new | range: Bytes=0-99", "GET /new 206 network finished"),
        ("get http://z/new | range: bytes=99999-", "GET /new 416 network status"),
        ("get http://z/new | if-match: \"x\"", "GET /new 412 network status"),
        ("get http://z/items/7", "GET /items/7 200 network finished"),
        ("get http://z/items/999", "GET /items/999 404 network status"),
        ("get http://z/items/7 | accept: image/png", "GET /items/7 406 network status"),
        ("post http://z/items | {\"id\":0}", "POST /items 400 network status"),
        ("post http://z/items | content-type: image/png | x", "POST /items 415 network status"),
        (
            "post http://z/items | {\"id\":0,\"name\":\"n\",\"price_cents\":1,\"tags\":[],\"stock\":12}",
            "POST /items 201 network finished",
        ),
        ("patch http://z/items/7 | {\"name\":\"n\"}", "PATCH /items/7 200 network finished"),
        ("delete http://z/items/7", "DELETE /items/7 204 network finished"),
        // RFC 9110 §13.2.1: preconditions are about what would be done.
        ("options http://z/items/7 | if-none-match: *", "OPTIONS /items/7 204 network finished"),
        ("post http://z/items/7 | if-none-match: * | x", "POST /items/7 405 network status"),
        ("get http://z/items/7 | accept: image/png | if-none-match: *", "GET /items/7 406 network status"),
        ("get http://z/items/7 | if-none-match: *", "GET /items/7 304 network finished"),
        ("get http://z/items/999 | if-match: *", "GET /items/999 404 network status"),
        ("put http://z/items/7 | content-type: text/plain | if-none-match: * | x", "PUT /items/7 415 network status"),
        ("put http://z/items/7 | if-none-match: * | {\"id\":0}", "PUT /items/7 412 network status"),
        ("put http://z/items/999 | if-match: * | {\"id\":0}", "PUT /items/999 412 network status"),
        (
            "patch http://z/items/7 | content-type: text/plain | if-match: \"x\" | x",
            "PATCH /items/7 415 network status",
        ),
        ("patch http://z/items/7 | if-match: \"x\" | {\"id\":0}", "PATCH /items/7 412 network status"),
        ("delete http://z/items/7 | if-match: \"x\"", "DELETE /items/7 412 network status"),
        ("delete http://z/items/999 | if-match: *", "DELETE /items/999 404 network status"),
        ("get http://z/items?size=0", "GET /items?size=0 400 network status"),
        ("get http://z/items?page=1&size=5", "GET /items?page=1&size=5 200 network finished"),
    ];
    for (step, expected) in cases {
        let found = lines(&format!("{PAGES}, items: 50"), &format!("steps: [ '{step}' ]"));
        assert_eq!(found, [expected], "{step}");
    }
    let found = lines(&format!("{PAGES}, url_limit: 10 B"), "steps: [ get http://z/new?a-long-question ]");
    assert_eq!(found, ["GET /new?a-long-question 414 network status"]);
    let found = lines(&format!("{PAGES}, body_limit: 2 B, items: 1"), "steps: [ 'put http://z/items/1 | {\"id\":1}' ]");
    assert_eq!(found, ["PUT /items/1 413 network status"]);
    let found = lines(&format!("{PAGES}, names: [ www.z.test ]"), "steps: [ get http://z/new ]");
    assert_eq!(found, ["GET /new 421 network status"]);
    let found = lines(
        &format!("{PAGES}, rate_limit: 1"),
        "steps: [ 'get http://z/new | accept: a/b', get http://z/old ], redirects: 0",
    );
    assert_eq!(found, ["GET /new 200 network finished", "GET /old 429 network status"]);
    assert_eq!(lines(&format!("{PAGES}, fail: 100 %"), "steps: [ get http://z/new ]"), ["GET /new 500 network status"]);
    let found = lines(PAGES, "steps: [ get http://z/round ], redirects: 2");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[2].ends_with("too_many_redirections"), "{found:?}");
    assert_eq!(lines(PAGES, "steps: [ get http://nobody/ ]"), ["GET / - network no_such_name"]);
}

#[test]
fn a_second_visit_asks_for_what_may_have_changed() {
    let found = asked(&file(PAGES, "visits: 2, think: 3 s, steps: [ get http://z/ ]"));
    let expected = [
        ("GET / 200 network finished", 80),
        ("GET /a.css 200 network finished", 40),
        ("GET /b.js 200 network finished", 80),
        ("GET /c.png 200 network finished", 80),
        ("GET / 304 revalidated finished", 40),
        ("GET /a.css 200 cache finished", 0),
        ("GET /b.js 304 revalidated finished", 40),
        ("GET /c.png 200 network finished", 40),
    ];
    assert_eq!(found, expected.map(|(line, ms)| (line.to_string(), ms)));
    // RFC 9110 §15.1: 301 and 308 are heuristically cacheable, and browsers keep them; 302 is not, nor what says that it is to be asked for.
    let pages = "pages: { /new: { max_age: 1 h }, /a: { redirect: /new }, /b: { redirect: /new, status: 308 }, /c: { redirect: /new, status: 302 }, \
         /d: { redirect: /new, store: false }, /e: { redirect: /new, max_age: 1 s } }";
    for (path, status, from) in
        [("a", 301, "cache"), ("b", 308, "cache"), ("c", 302, "network"), ("d", 301, "network"), ("e", 301, "network")]
    {
        let found = lines(pages, &format!("visits: 2, think: 3 s, steps: [ get http://z/{path} ]"));
        let again = [format!("GET /{path} {status} {from} finished"), "GET /new 200 cache finished".into()];
        assert_eq!(found[2..], again, "{path}");
    }
    let found = lines(PAGES, "cache: false, visits: 2, resources: false, steps: [ get http://z/old ]");
    let twice = ["GET /old 301 network finished", "GET /new 200 network finished"];
    assert_eq!(found, [twice, twice].concat());
}

const ACCOUNT: &str = "pages: { /: {}, /account: { session: true }, /admin: { session: true, users: [ bob ] } }";
const STEPS: &str = "think: 1 s, steps: [ get http://z/account, 'post http://z/login | user=ann&password=wrong', \
     'post http://z/login | user=ann&password=right', get http://z/account, get http://z/admin, post http://z/logout, get http://z/account ]";

#[test]
fn a_session_is_opened_used_and_closed() {
    for sessions in ["users: [ 'ann:right' ]", "users: [ 'ann:right' ], store: store"] {
        let expected = [
            "GET /account 401 network status",
            "POST /login 401 network status",
            "POST /login 303 network finished",
            "GET / 200 network finished",
            "GET /account 200 network finished",
            "GET /admin 403 network status",
            "POST /logout 303 network finished",
            "GET / 304 revalidated finished",
            "GET /account 401 network status",
        ];
        assert_eq!(lines(&format!("{ACCOUNT}, sessions: {{ {sessions} }}"), STEPS), expected, "{sessions}");
    }
    let forgotten = lines(&format!("{ACCOUNT}, sessions: {{ users: [ 'ann:right' ], lifetime: 500 ms }}"), STEPS);
    assert_eq!(forgotten[4], "GET /account 401 network status");
    let no_cookies =
        lines(&format!("{ACCOUNT}, sessions: {{ users: [ 'ann:right' ] }}"), &format!("cookies: false, {STEPS}"));
    assert_eq!(no_cookies[4], "GET /account 401 network status");
}

#[test]
fn a_store_that_is_lost_is_said_to_be() {
    let web = format!("{ACCOUNT}, sessions: {{ users: [ 'ann:right' ], store: store, store_timeout: 2 s }}");
    let text = file(&web, STEPS) + "events: [ { at: 3 s, link: back, down: true } ]\n";
    let found = asked(&text);
    assert_eq!(found[3].0, "GET / 200 network finished", "logged in before: {found:?}");
    let (line, ms) = &found[4];
    assert_eq!(
        (line.as_str(), ms / 100),
        ("GET /account 503 network status", 20),
        "the server's patience, and a round trip: {found:?}"
    );
}

/// A base and a parameter over it, which has to make a difference: of the service, and of the browser.
const BITES: &[(&str, &str, &str, &str)] = &[
    (PAGES, "urns: [ 'urn:example:a /new' ]", "steps: [ 'get http://z/uri-res/N2L?urn:example:a' ]", ""),
    (PAGES, "names: [ other ]", "steps: [ get http://z/ ]", ""),
    ("pages: { /: {} }, names: [ z ]", "tls: {}", "steps: [ get http://z/ ]", ""),
    ("items: 1", "pages: { /items: {} }", "steps: [ get http://z/items ]", ""),
    (PAGES, "items: 3", "steps: [ get http://z/items ]", ""),
    (PAGES, "sessions: { users: [ 'a:b' ] }", "steps: [ get http://z/login ]", ""),
    (PAGES, "compress: true", "steps: [ get http://z/ ]", ""),
    (PAGES, "service: 7 ms", "steps: [ get http://z/ ]", ""),
    ("service: 7 ms, pages: { /: {} }", "service_times: exponential", "steps: [ get http://z/ ]", ""),
    ("service: 9 ms, pages: { /: { holds: [ /x, /y, /z ] } }", "workers: 1", "steps: [ get http://z/ ]", ""),
    ("service: 9 ms, workers: 1, pages: { /: { holds: [ /x, /y, /z ] } }", "queue: 0", "steps: [ get http://z/ ]", ""),
    (PAGES, "url_limit: 2 B", "steps: [ get http://z/new ]", ""),
    (PAGES, "header_limit: 9 kB", "steps: [ 'get http://z/new | x-filler: @FILLER@' ]", ""),
    ("items: 1", "body_limit: 1 B", "steps: [ 'post http://z/items | {}' ]", ""),
    (PAGES, "rate_limit: 1", "steps: [ get http://z/ ]", ""),
    (PAGES, "fail: 100 %", "steps: [ get http://z/ ]", ""),
    (PAGES, "keepalive_timeout: 1 s", "steps: [ get http://z/, get http://z/new ], think: 2 s", ""),
    ("items: 1", "request_timeout: 5 ms", "steps: [ 'post http://z/items | @FILLER@' ]", ""),
    (
        "names: [ z ], tls: { resumption: 0-rtt }, keepalive_timeout: 1 s, pages: { /: {} }",
        "too_early: true",
        "steps: [ 'get https://z:80/', 'get https://z:80/' ], cache: false, think: 2 s, tls: { resumption: 0-rtt }",
        "",
    ),
    (PAGES, "", "steps: [ get http://z/ ]", "visits: 2"),
    (PAGES, "", "steps: [ get http://z/, get http://z/new ]", "think: 7 ms"),
    (PAGES, "", "steps: [ get http://z/, get http://z/new ], think: 7 ms", "think_times: exponential"),
    (PAGES, "", "steps: [ get http://z/, get http://z/new ]", "stop: 10 ms"),
    (PAGES, "", "steps: [ get http://z/ ]", "resources: false"),
    (PAGES, "", "steps: [ get http://z/, get http://z/ ]", "cache: false"),
    (PAGES, "", "steps: [ get http://z/old ]", "redirects: 0"),
    ("compress: true, pages: { /: {} }", "", "steps: [ get http://z/ ]", "compress: false"),
    (PAGES, "", "steps: [ get http://z/ ]", "connections: 1"),
    (PAGES, "", "steps: [ get http://z/ ]", "timeout: 3 ms"),
    ("names: [ z ], tls: {}, pages: { /: {} }", "", "steps: [ 'get https://z:80/' ]", "http2: false"),
    ("names: [ z ], tls: {}, pages: { /: {} }", "", "steps: [ 'get https://z:80/' ]", "tls: { version: 1.2 }"),
    (
        "names: [ z ], tls: {}, pages: { /: {} }",
        "",
        "steps: [ 'get https://z:80/', 'get https://z:80/' ]",
        "tls: { exchange_cost: 9 ms }",
    ),
    (
        "names: [ z ], tls: {}, pages: { /: {} }",
        "",
        "steps: [ 'get https://z:80/' ]",
        "tls: { verification_cost: 9 ms }",
    ),
    ("names: [ z ], tls: {}, pages: { /: {} }", "", "steps: [ 'get https://z:80/' ]", "tls: { record_cost: 9 ms }"),
    ("names: [ z ], tls: {}, pages: { /: {} }", "", "steps: [ 'get https://z:80/' ]", "tls: { byte_cost: 9 us }"),
];

/// Parameters with lines of their own: the tests above of sessions, those below of pages, TLS, sessions and names.
const ELSEWHERE: &[&str] = &["steps", "cookies", "dns_cache", "tls.resumption"];

#[test]
fn every_parameter_bites() {
    let filler = "x".repeat(20_000);
    let mut meant: Vec<String> = Vec::new();
    for (web, web_more, browse, browse_more) in BITES {
        let more = |base: &str, more: &str| {
            let text = if more.is_empty() { base.to_string() } else { format!("{base}, {more}") };
            text.replace("@FILLER@", &filler)
        };
        let (before, after) =
            (file(&more(web, ""), &more(browse, "")), file(&more(web, web_more), &more(browse, browse_more)));
        let print = |text: &str| run(text).fingerprints.rows;
        assert_ne!(
            print(&before),
            print(&after),
            "`{web_more}{browse_more}` changes nothing over `{web}` and `{browse}`"
        );
        let key = |text: &str| text.split(':').next().unwrap_or_default().to_string();
        meant.extend([key(web_more), key(browse_more)]);
        let inner = |text: &str| text.split_once("tls: { ").map(|(_, rest)| format!("tls.{}", key(rest)));
        meant.extend(inner(browse_more));
    }
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("browse", params);
    });
    let served = sim_core::describe(|params| {
        sim_protocols::ServiceConfig::read("web", params);
    });
    let of_their_own = |key: &str| key.starts_with("pages.") || key.starts_with("sessions.");
    let served = served.into_iter().filter(|param| !param.key.starts_with("tls.") && !of_their_own(&param.key));
    for param in known.into_iter().chain(served).filter(|param| !of_a_distribution(&param.key)) {
        let known = meant.contains(&param.key) || ELSEWHERE.contains(&param.key.as_str());
        assert!(known, "no line shows that `{}` bites", param.key);
    }
}

#[test]
fn every_parameter_of_pages_and_servers_of_tls_bites() {
    let print = |page: &str, web: &str, browse: &str| {
        let web = format!("{web}, sessions: {{ users: [ 'ann:right' ] }}, pages: {{ /: {{ {page} }} }}");
        run(&file(&web, &format!("steps: [ 'post http://z/login | user=ann&password=right', get http://z/ ], visits: 2, think: 1 s{browse}"))).fingerprints.rows
    };
    let known = sim_core::describe(|params| {
        sim_protocols::ServiceConfig::read("web", params);
    });
    let cases = [
        ("", "type: text"),
        ("", "size: 20 kB"),
        ("", "chunked: true"),
        ("", "holds: [ /x ]"),
        ("", "max_age: 1 h"),
        ("", "store: false"),
        ("", "changes: 500 ms"),
        ("", "redirect: /x"),
        ("redirect: /x", "status: 302"),
        ("", "session: true"),
        ("session: true", "users: [ bob ]"),
    ];
    let keys: Vec<&str> = known.iter().filter_map(|param| param.key.strip_prefix("pages.NAME.")).collect();
    for key in &keys {
        assert!(
            cases.iter().any(|(_, more)| more.split(':').next() == Some(key)),
            "no line shows that `{key}` of a page bites"
        );
    }
    for (base, more) in cases {
        let both = if base.is_empty() { more.to_string() } else { format!("{base}, {more}") };
        assert_ne!(print(base, "items: 0", ""), print(&both, "items: 0", ""), "`{more}` changes nothing");
    }
    let secure = |tls: &str, browse: &str| {
        let steps = "steps: [ 'get https://z:80/' ]";
        run(&file(&format!("names: [ z ], tls: {{ {tls} }}, pages: {{ /: {{}} }}"), &format!("{steps}{browse}")))
            .fingerprints
            .rows
    };
    let cases = [
        "version: 1.2",
        "certificate: expired",
        "chain: 3",
        "exchange_cost: 9 ms",
        "signature_cost: 9 ms",
        "record_cost: 9 ms",
        "byte_cost: 9 us",
    ];
    let keys = known.iter().filter_map(|param| param.key.strip_prefix("tls.")).filter(|key| *key != "resumption");
    for key in keys {
        assert!(cases.iter().any(|more| more.split(':').next() == Some(key)), "no line shows that `tls.{key}` bites");
    }
    for more in cases {
        assert_ne!(secure("", ""), secure(more, ""), "`tls: {{ {more} }}` changes nothing");
    }
    // Resumption shows where a connection is opened again: HTTP/1.1 with several connections.
    let many = |tls: &str, browse: &str| {
        let web = format!(
            "names: [ z ], tls: {{ {tls} }}, pages: {{ /: {{ holds: [ /1, /2, /3 ] }}, /1: {{}}, /2: {{}}, /3: {{}} }}"
        );
        run(&file(&web, &format!("http2: false, steps: [ 'get https://z:80/' ]{browse}"))).fingerprints.rows
    };
    assert_ne!(many("", ""), many("resumption: none", ""));
    assert_ne!(many("", ""), many("", ", tls: { resumption: none }"));
}

#[test]
fn every_parameter_of_sessions_and_the_cache_of_names_bite() {
    let known = sim_core::describe(|params| {
        sim_protocols::ServiceConfig::read("web", params);
    });
    let steps = "think: 1 s, steps: [ 'post http://z/login | user=ann&password=right', get http://z/account ]";
    let print = |sessions: &str| {
        let web = format!("{ACCOUNT}, sessions: {{ users: [ 'ann:right' ], {sessions} }}");
        run(&(file(&web, steps) + "events: [ { at: 500 ms, link: back, down: true } ]\n")).fingerprints.rows
    };
    let cases = [
        ("", "store: store"),
        ("store: store", "store_port: 7000"),
        ("store: store", "store_timeout: 2 s"),
        ("store: store", "store_password: secret"),
        ("", "lifetime: 1 ms"),
        ("", "domain: z"),
    ];
    let keys = known.iter().filter_map(|param| param.key.strip_prefix("sessions.")).filter(|key| *key != "users");
    for key in keys {
        assert!(cases.iter().any(|(_, more)| more.split(':').next() == Some(key)), "no line shows that `{key}` bites");
    }
    for (base, more) in cases {
        let both = if base.is_empty() { more.to_string() } else { format!("{base}, {more}") };
        assert_ne!(print(base), print(&both), "`{more}` changes nothing over `{base}`");
    }
    let strangers = lines(&format!("{ACCOUNT}, sessions: {{ users: [ 'bob:right' ] }}"), steps);
    assert_eq!(strangers[0], "POST /login 401 network status");

    let named = |browse: &str| {
        let text =
            file("pages: { /: {} }", &format!("steps: [ get http://www.test/, get http://www.test:81/ ]{browse}"));
        let zone = "services:\n  n: { on: z, dns: { zones: { test: { records: [ www A z ] } } } }";
        let text = text.replace("a: {}, z", "a: { resolver: z }, z").replace("services:", zone);
        let outcome = run(&text);
        assert_eq!(outcome.table("browse").map(|rows| rows.len()), Some(2));
        outcome.fingerprints.rows
    };
    assert_ne!(named(""), named(", dns_cache: 0 s"), "`dns_cache` changes nothing");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let wrong = [
        ("pages: { index: {} }", "`index` is no path"),
        ("pages: { /: { session: true } }", "there are no `sessions`"),
        ("pages: { /: { status: 302 } }", "it needs `redirect`"),
        ("pages: { /: { redirect: /x, status: 304 } }", "a redirection is 301, 302, 303, 307 or 308"),
        ("pages: { /a.png: { holds: [ /b ] } }", "only a page holds others"),
        ("pages: { /: { max_age: 1 s, store: false } }", "what may not be kept has no age"),
        ("pages: { /: { changes: 0 s } }", "it would never be the same"),
        ("pages: { /: { users: [ ann ] } }", "it needs `session: true`"),
        ("sessions: { users: [ ann ] }", "`ann` is not as in `name:password`"),
        ("sessions: { users: [ 'a:b' ], store_port: 7 }", "it needs `store`"),
        ("sessions: { users: [ 'a:b' ], store: nobody }", "there is no host `nobody`"),
        ("tls: {}", "a certificate needs `names`"),
        ("queue: 7", "it needs `workers`"),
        ("header_limit: 1 kB", "hyper needs 8 KiB"),
    ];
    for (web, why) in wrong {
        let error = load(&file(web, "steps: [ get http://z/ ]")).expect_err(web);
        assert!(error.contains(why), "`{web}`: {error}");
    }
    for (browse, why) in [
        ("steps: [ got http://z/ ]", "`GOT` is no method"),
        ("steps: [ 'get http://z/ | nonsense | x' ]", "`nonsense` is no field"),
        ("steps: [ get http://z/ ], timeout: 0 s", "no request would be in time"),
        ("timeout: 1 s", "there is nothing to do"),
    ] {
        let error = load(&file(PAGES, browse)).expect_err(browse);
        assert!(error.contains(why), "`{browse}`: {error}");
    }
}
