//! A tripwire: a simulation that asks the operating system for randomness is a defect, for it would not repeat. The program's own `getrandom(2)` stands
//! before that of the C library, for all libraries that are linked in; while it is armed on a thread, it notes who asks.
//!
//! Exceptions are named in [`KNOWN`]. What cannot be seen: libraries that read `/dev/urandom` or call the kernel themselves; the test begins with two
//! ways of which it knows that they ask.

#![cfg(target_os = "linux")]

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Read;
use std::thread;

use experiments::simulate;

use crate::harness::sharded;
use crate::http::{file, load};

/// Who may ask, and why that reaches no result.
const KNOWN: &[&str] = &[
    // The keys of the standard library's hash maps, once for each thread: libraries look things up in such maps, and whoever goes through one in its
    // order is found by the comparisons of runs.
    "hashmap_random_keys",
];

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static ASKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Stands before the C library's.
///
/// # Safety
/// As `getrandom(2)`: `buffer` has room for `length` bytes.
#[allow(unsafe_code, reason = "it takes the place of a function of C")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // A thread that ends has no notes any more.
    let armed = ARMED.try_with(|armed| armed.replace(false)).unwrap_or(false);
    if armed {
        let trace = Backtrace::force_capture().to_string();
        let _gone = ASKED.try_with(|asked| asked.borrow_mut().push(trace));
        let _gone = ARMED.try_with(|armed| armed.set(true));
    }
    // SAFETY: the caller's promise. Bytes that nobody has written yet are set before they are seen.
    let bytes = unsafe {
        std::ptr::write_bytes(buffer, 0, length);
        std::slice::from_raw_parts_mut(buffer, length)
    };
    match File::open("/dev/urandom").and_then(|mut source| source.read_exact(bytes)) {
        Ok(()) => length as isize,
        Err(_) => -1,
    }
}

/// Who asks for randomness while something runs on a thread of its own.
fn who_asks(run: impl FnOnce() + Send + 'static) -> Vec<String> {
    let thread = thread::spawn(|| {
        ARMED.set(true);
        run();
        ARMED.set(false);
        ASKED.take()
    });
    thread.join().expect("it runs to its end")
}

#[test]
fn a_simulation_asks_nobody_for_randomness() {
    // The wire is there: for the standard library, and for the crate `getrandom`.
    let maps = who_asks(|| drop(std::collections::hash_map::RandomState::new()));
    assert!(!maps.is_empty() && maps.iter().all(|trace| trace.contains(KNOWN[0])), "{maps:?}");
    let proptest = who_asks(|| drop(proptest::test_runner::TestRunner::default()));
    assert!(proptest.iter().any(|trace| trace.contains("getrandom::")), "{proptest:?}");
    let site = "services:\n  site: { on: z, port: 81, web: { names: [ z ], tls: {}, pages: { /: { holds: [ /a ] }, /a: {} } } }\n";
    let cases = [
        ("http: { count: 9, tls: { resumption: 0-rtt }, connections: new }", ""),
        ("http: { count: 9, version: 2, tls: {}, interval: 3 ms, interval_times: { log_normal: {} } }", ""),
        ("browse: { steps: [ 'get https://z:81/' ], visits: 2 }", site),
        ("websocket: { count: 9, interval: 100 ms, ping: 50 ms, tls: {} }", ""),
        ("rpc: { form: grpc, count: 9 }", ""),
        ("rpc: { form: thrift-compact, count: 9 }", ""),
        ("rpc: { form: rmi, count: 9 }", ""),
        ("rpc: { form: dubbo, count: 9 }", ""),
        ("rpc: { form: bare-udp, count: 9 }", ""),
        ("tcp: { bytes: 1 MB, cc: bbr }", ""),
        ("poisson: { rate: 1 Mbit/s }", ""),
    ];
    for (application, services) in cases {
        let text = services.to_string() + &file("", "").replace("http: {  }", application);
        let text = if application.starts_with("browse") { text.replace("to: z, ", "") } else { text };
        let asked = who_asks(move || {
            let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
            drop(simulate(&plan, 3, sharded(1), &|_| ()));
        });
        let known = |trace: &&String| KNOWN.iter().any(|known| trace.contains(known));
        let strangers: Vec<&String> = asked.iter().filter(|trace| !known(trace)).collect();
        assert!(strangers.is_empty(), "{application}: {}", strangers[0]);
    }
}
