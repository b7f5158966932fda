//! Times, counted in fixed classes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest time of each class but the last, which has no end; in microseconds. From what a transaction on the same machine
/// takes to what no client waits for any more, two or three classes to each power of ten.
const BOUNDS_MICROS: [u64; CLASSES - 1] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    10_000_000,
    30_000_000,
    120_000_000,
];

/// How many classes there are.
const CLASSES: usize = 18;

/// A histogram that many threads write to: two relaxed additions for each time, no lock.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    classes: [AtomicU64; CLASSES],
    nanoseconds: AtomicU64,
}

/// A histogram at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many times fell into each class.
    classes: [u64; CLASSES],
    /// All of them together.
    sum: Duration,
}

impl Histogram {
    pub(super) fn note(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // A bound belongs to its class (`le`): what is a nanosecond longer does not.
        let up = u64::from(!time.subsec_nanos().is_multiple_of(1000));
        let class = BOUNDS_MICROS.partition_point(|bound| *bound < micros.saturating_add(up));
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Times {
        Times {
            classes: std::array::from_fn(|nth| {
                self.classes.get(nth).map_or(0, |class| class.load(Ordering::Relaxed))
            }),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

impl Times {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// All of them together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// For each class but the last its longest time in seconds, and how many were not longer than that.
    pub fn up_to(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut total = 0;
        BOUNDS_MICROS.iter().zip(self.classes).map(move |(bound, count)| {
            total += count;
            (Duration::from_micros(*bound).as_secs_f64(), total)
        })
    }

    /// With those of another.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        self.sum += other.sum;
        self
    }

    /// With so many times of nearly nothing.
    #[must_use]
    pub fn and_none(mut self, count: u64) -> Self {
        if let Some(first) = self.classes.first_mut() {
            *first += count;
        }
        self
    }

    /// Those that came since an earlier moment.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        for (count, before) in self.classes.iter_mut().zip(earlier.classes) {
            *count = count.saturating_sub(before);
        }
        self.sum = self.sum.saturating_sub(earlier.sum);
        self
    }

    /// What so many hundredths of them do not exceed, found within a class as if they were spread evenly over it. `None` where
    /// there are none. Of the last class only its beginning is known.
    #[must_use]
    pub fn percentile(&self, hundredths: u64) -> Option<Duration> {
        let count = self.count();
        // The place in the order, counted from 1; rounded up, as the nearest rank is.
        let rank = (count * hundredths.min(100)).div_ceil(100).max(1);
        let mut before = 0;
        let mut from = 0;
        for (nth, class) in self.classes.iter().enumerate() {
            let Some(bound) = BOUNDS_MICROS.get(nth) else { break };
            if before + class >= rank {
                let width = (bound - from) as f64;
                let part = (rank - before) as f64 / (*class).max(1) as f64;
                return Some(Duration::from_secs_f64((from as f64 + width * part) / 1e6));
            }
            before += class;
            from = *bound;
        }
        (count > 0).then(|| Duration::from_micros(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[u64]) -> Times {
        let histogram = Histogram::default();
        times.iter().for_each(|micros| histogram.note(Duration::from_micros(*micros)));
        histogram.get()
    }

    #[test]
    fn bound_belongs_to_its_class_and_what_is_longer_to_the_next() {
        let histogram = Histogram::default();
        histogram.note(Duration::from_micros(100));
        histogram.note(Duration::from_nanos(100_001));
        histogram.note(Duration::from_secs(1 << 40));
        let times = histogram.get();
        let counts: Vec<u64> = times.up_to().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[CLASSES - 2]), (1, 2, 2));
        assert_eq!(times.count(), 3);
    }

    #[test]
    fn classes_are_in_seconds_and_grow() {
        let times = of(&[]);
        let bounds: Vec<f64> = times.up_to().map(|(bound, _)| bound).collect();
        assert!((bounds[0] - 0.0001).abs() < 1e-12 && (bounds[CLASSES - 2] - 120.0).abs() < 1e-9);
        assert!(bounds.is_sorted());
    }

    #[test]
    fn percentile_is_within_the_class_and_there_is_none_of_nothing() {
        assert_eq!(of(&[]).percentile(50), None);
        // 99 of up to 0.1 ms, one of up to 25 ms.
        let mut times = vec![50; 99];
        times.push(20_000);
        let times = of(&times);
        assert!(times.percentile(50).unwrap() < Duration::from_micros(60));
        assert!(times.percentile(99).unwrap() <= Duration::from_micros(100));
        let worst = times.percentile(100).unwrap();
        assert!(worst > Duration::from_millis(10) && worst <= Duration::from_millis(25), "{worst:?}");
        assert_eq!(of(&[500_000_000]).percentile(50), Some(Duration::from_secs(120)), "the last has no end");
    }

    #[test]
    fn times_are_added_and_taken_away_class_by_class() {
        let (a, b) = (of(&[50, 300]), of(&[50]));
        let both = a.clone().and(&b).and_none(2);
        assert_eq!((both.count(), both.sum()), (5, Duration::from_micros(400)));
        assert_eq!(both.since(&b).and_none(0).count(), 4);
        assert_eq!(a.clone().since(&a), Times::default());
    }
}
