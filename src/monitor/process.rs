//! What the system says of this process, from `/proc` (proc(5)); nothing where there is none.

use std::fs;
use std::time::Duration;

/// Ticks in a second in the files of `/proc`: `USER_HZ`, which is 100 on every platform that this program runs on.
const TICKS: u64 = 100;

/// Bytes of a page in `/proc/self/stat` and `statm`; the files read here are in kilobytes in place of it.
const KIB: u64 = 1024;

/// This process as the system counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time, its own and the system's for it.
    pub(super) cpu: Duration,
    /// Bytes in RAM.
    pub(super) resident: u64,
    /// Bytes of address space.
    pub(super) virtual_size: u64,
    /// Threads.
    pub(super) threads: u64,
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// How many there may be; `None` for no limit.
    pub(super) most_descriptors: Option<u64>,
    /// When it started, in seconds since 1970.
    pub(super) started: u64,
}

impl Process {
    /// Looks now. `None` where the system has no such files.
    pub(super) fn look() -> Option<Self> {
        let (cpu, since_boot) = times(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        // Where only processes are shown (systemd's ProcSubset=pid), the clocks tell it.
        let boot = fs::read_to_string("/proc/stat").ok().and_then(|stat| boot_time(&stat)).or_else(clocks)?;
        // One of them is the directory that is being read.
        let descriptors = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        Some(Self {
            cpu,
            resident: field(&status, "VmRSS:")? * KIB,
            virtual_size: field(&status, "VmSize:")? * KIB,
            threads: field(&status, "Threads:")?,
            descriptors: descriptors as u64,
            most_descriptors: limit(&fs::read_to_string("/proc/self/limits").ok()?),
            started: boot + since_boot.as_secs(),
        })
    }
}

/// Processor time, and when after the system's start it began. The name of the program, in parentheses, may hold anything.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // utime and stime are fields 14 and 15, starttime 22; the first behind the name is the third.
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let time = |ticks: u64| Duration::from_millis(ticks * (1000 / TICKS));
    Some((time(ticks(14)? + ticks(15)?), time(ticks(22)?)))
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// When the system started: how much longer it is since 1970 than since then.
#[cfg(target_os = "linux")]
fn clocks() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};
    let [now, up] = [ClockId::Realtime, ClockId::Boottime].map(clock_gettime);
    let seconds = now.tv_sec - up.tv_sec - i64::from(now.tv_nsec < up.tv_nsec);
    u64::try_from(seconds).ok()
}

#[cfg(not(target_os = "linux"))]
fn clocks() -> Option<u64> {
    None
}

/// The number behind a name in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

fn limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 8 0 4200 1 2";
        assert_eq!(times(stat), Some((Duration::from_secs(2), Duration::from_secs(42))));
        assert_eq!(times("7 (a) S 1"), None);
        assert_eq!(field("Name:\tx\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
        assert_eq!(
            limit("Max open files            1024                 4096                 files\n"),
            Some(1024)
        );
        assert_eq!(
            limit("Max open files            unlimited            unlimited            files\n"),
            None
        );
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_threads_descriptors_and_a_past() {
        let process = Process::look().unwrap();
        assert!(process.resident > 1 << 20 && process.virtual_size > process.resident, "{process:?}");
        assert!(process.threads >= 1 && process.descriptors >= 3, "{process:?}");
        assert!(process.started > 1_500_000_000, "{process:?}");
        let boot = boot_time(&fs::read_to_string("/proc/stat").unwrap()).unwrap();
        assert!(clocks().unwrap().abs_diff(boot) <= 1, "{:?}, {boot}", clocks());
    }
}
