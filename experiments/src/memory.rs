//! How many runs fit into memory at a time. A run starts beside others only if one more as large as runs have been so far leaves the whole below a
//! limit; alone it always may. What a run gives does not depend on when it starts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// A run's progress is counted in these parts.
pub const PARTS: u64 = 1000;
/// How far runs must be, all together, before their memory says what it will be.
const SOON: u64 = PARTS / 100;
/// How often one that waits looks again: runs that go on say better what they need.
const AGAIN: Duration = Duration::from_millis(20);

/// Lets runs start as they fit.
#[derive(Debug)]
pub struct Gate {
    /// Bytes for all runs together; `None` where nothing limits them, or where the system does not tell what this program uses.
    limit: Option<u64>,
    /// What the program used before the first one.
    before: u64,
    now: Mutex<Now>,
    freed: Condvar,
    /// Parts that running runs have done.
    done: AtomicU64,
}

/// What is known.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    running: u64,
    /// The most at a time.
    most: u64,
    /// Threads that have run one.
    threads: u64,
    /// What one of them takes, as far as runs are over; zero before the first one is.
    each: u64,
    /// How many wait.
    waiting: u64,
    /// Whether one has waited.
    waited: bool,
    /// Whether one has ended by a panic: then no other starts.
    broken: bool,
}

impl Gate {
    /// One with a limit for what this program uses in all.
    pub fn new(limit: Option<u64>) -> Gate {
        let before = used();
        Gate {
            limit: limit.filter(|_| before.is_some()),
            before: before.unwrap_or(0),
            now: Mutex::default(),
            freed: Condvar::new(),
            done: AtomicU64::new(0),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect("nobody panics with it")
    }

    /// Waits until a run may start on a thread, the first one being 0, or until all is `over`. Threads have memory of their own, so it is the first ones that
    /// go on where not all may. `waits` is told how many wait whenever that changes.
    pub fn enter(&self, thread: u64, over: &dyn Fn() -> bool, waits: &dyn Fn(u64)) -> Option<Inside<'_>> {
        let mut now = self.now();
        let mut in_line = false;
        while !over() && !now.broken && !self.fits(&now, thread) {
            // Where nothing is known yet it is no lack of memory.
            let known = now.each > 0 || self.done.load(Ordering::Relaxed) >= SOON;
            if known && !in_line {
                in_line = true;
                now.waited = true;
                now.waiting += 1;
                waits(now.waiting);
            }
            now = self.freed.wait_timeout(now, AGAIN).expect("nobody panics with it").0;
        }
        if in_line {
            now.waiting -= 1;
            waits(now.waiting);
        }
        if over() || now.broken {
            return None;
        }
        now.running += 1;
        now.most = now.most.max(now.running);
        now.threads = now.threads.max(thread + 1);
        Some(Inside { gate: self, done: AtomicU64::new(0) })
    }

    /// How many ran at a time at the most, if one has waited for memory.
    pub fn waited(&self) -> Option<u64> {
        let now = self.now();
        now.waited.then_some(now.most)
    }

    fn fits(&self, now: &Now, thread: u64) -> bool {
        let Some(limit) = self.limit else { return true };
        let used = used().unwrap_or(0).saturating_sub(self.before);
        fits(limit.saturating_sub(self.before), now, thread, used, self.done.load(Ordering::Relaxed))
    }
}

/// A run that has started.
#[derive(Debug)]
pub struct Inside<'a> {
    gate: &'a Gate,
    done: AtomicU64,
}

impl Inside<'_> {
    /// It has done so many more parts.
    pub fn progress(&self, parts: u64) {
        self.done.fetch_add(parts, Ordering::Relaxed);
        self.gate.done.fetch_add(parts, Ordering::Relaxed);
    }

    /// It has all that it will have.
    pub fn whole(&self) {
        let used = used().unwrap_or(0).saturating_sub(self.gate.before);
        let mut now = self.gate.now();
        // The allocator keeps much of what runs have given back, for the thread that they ran on.
        now.each = now.each.max(used / now.threads.max(1)).max(1);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.gate.done.fetch_sub(*self.done.get_mut(), Ordering::Relaxed);
        let mut now = self.gate.now();
        now.running -= 1;
        now.broken |= std::thread::panicking();
        drop(now);
        self.gate.freed.notify_all();
    }
}

/// Whether one more run, on a thread, fits into `limit` bytes where those that run have taken `used` bytes for `done` parts.
fn fits(limit: u64, now: &Now, thread: u64, used: u64, done: u64) -> bool {
    let each = match now.each {
        _ if thread == 0 => return true,
        // A run grows with its rows, as time goes on. Two are enough to see how, so that no core is idle meanwhile on a small machine.
        0 if done < SOON => return thread < 2 && used < limit,
        // Others may have given back more than runs have taken: something they take all the same.
        0 => ((u128::from(used) * u128::from(PARTS) / u128::from(done)) as u64).max(1),
        each => each,
    };
    each.saturating_mul(thread + 1) <= limit
}

/// What is meant where nobody says it: four fifths of what the machine has left, and of what the control group of this program may use. `None` where the
/// system does not tell.
pub fn limit() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let free = kilobytes(&info, "MemAvailable:")?.saturating_add(used().unwrap_or(0));
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let all =
        group_files(&group).into_iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    Some(all.fold(free, u64::min) / 5 * 4)
}

/// Where limits of control groups stand, of the program's own group and of those that it is in: version 2, and version 1.
fn group_files(own: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(kinds), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match kinds {
            "" => ("/sys/fs/cgroup", "memory.max"),
            kinds if kinds.split(',').any(|kind| kind == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            files.push(Path::new(root).join(group).join(file));
        }
    }
    files
}

/// Bytes of memory that this program uses now; `None` where the system does not tell.
pub fn used() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The bytes of a line in kB.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_starts_beside_others_if_one_as_large_fits() {
        let now = |each| Now { running: 1, each, ..Now::default() };
        // The first thread always; before anything is known two.
        assert!(fits(0, &now(1000), 0, 5000, 0));
        assert!(fits(100, &now(0), 1, 10, 0) && !fits(100, &now(0), 2, 10, 0) && !fits(100, &now(0), 1, 100, 0));
        // Runs that have done a tenth of a run between them and have taken 10 for it take 100 for a whole one.
        assert!(!fits(299, &now(0), 2, 10, PARTS / 10) && fits(300, &now(0), 2, 10, PARTS / 10));
        // What runs that are over have taken.
        assert!(fits(400, &now(100), 3, 0, 0) && !fits(399, &now(100), 3, 0, 0));
        assert!(!fits(u64::MAX - 1, &now(u64::MAX), 1, 0, 0));
        assert!(!fits(0, &now(0), 1, 0, PARTS), "nothing is left, and nothing seems to be used");
    }

    #[test]
    fn groups_are_those_of_the_program_and_the_ones_around_it() {
        let names =
            |text: &str| -> Vec<String> { group_files(text).iter().map(|path| path.display().to_string()).collect() };
        assert_eq!(
            names("0::/a/b\n"),
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(
            names("9:cpu,cpuacct:/x\n4:memory:/x\n"),
            ["/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert_eq!(names("nothing"), [""; 0]);
        assert_eq!(kilobytes("A: 1 kB\nVmRSS:\t  20 kB\n", "VmRSS:"), Some(20 * 1024));
    }

    #[test]
    fn one_waits_until_another_has_left() {
        let gate = Gate { limit: Some(0), ..Gate::new(None) };
        let over = std::sync::atomic::AtomicBool::new(false);
        let first = gate.enter(0, &|| false, &|_| {}).expect("the first one always");
        first.progress(PARTS);
        assert_eq!(gate.waited(), None);
        std::thread::scope(|scope| {
            let enter = || gate.enter(1, &|| over.load(Ordering::Relaxed), &|waiting| assert!(waiting <= 1)).is_none();
            let second = scope.spawn(enter);
            while gate.waited().is_none() {
                std::thread::yield_now();
            }
            first.whole();
            drop(first);
            over.store(true, Ordering::Relaxed);
            assert!(second.join().expect("no panic"), "there was no room for it until all was over");
        });
        assert_eq!((gate.now().running, gate.done.load(Ordering::Relaxed)), (0, 0));
        assert_eq!(gate.waited(), Some(1), "one at a time");
    }
}
