//! What is next: a tenant, by the skew, and a kind of transaction, by the mix.

use std::fmt;
use std::str::FromStr;

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::SmallRng;

use crate::cli::bench::work::Kind;

/// How the load is spread over the tenants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Skew {
    /// All alike.
    Uniform,
    /// The n-th tenant gets 1/n^exponent of what the first gets.
    Zipf(f64),
}

impl Skew {
    /// The weight of each tenant, the busiest first.
    fn weights(self, tenants: usize) -> Vec<f64> {
        let exponent = match self {
            Self::Uniform => 0.0,
            Self::Zipf(exponent) => exponent,
        };
        (1..=tenants).map(|rank| (rank as f64).powf(-exponent)).collect()
    }
}

impl FromStr for Skew {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "uniform" => Ok(Self::Uniform),
            None if text == "zipf" => Ok(Self::Zipf(1.0)),
            Some(("zipf", exponent)) => match exponent.parse() {
                Ok(exponent) if (0.0..=10.0).contains(&exponent) => Ok(Self::Zipf(exponent)),
                _ => Err("the exponent of zipf is a number from 0 to 10, such as zipf=1.1".to_owned()),
            },
            _ => Err("write uniform, or zipf with its exponent: zipf=1.1".to_owned()),
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf={exponent}"),
        }
    }
}

/// How much of each kind of transaction, by [`Kind::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mix([u32; Kind::ALL.len()]);

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut weights = [None; Kind::ALL.len()];
        for part in text.split(',') {
            let wrong = || format!("write kinds with their weights, such as point=80,write=20, not {part:?}");
            let (name, weight) = part.trim().split_once('=').ok_or_else(wrong)?;
            let Some(at) = Kind::ALL.iter().position(|kind| kind.name() == name) else {
                let known = Kind::ALL.map(Kind::name).join(", ");
                return Err(format!("there is no kind of transaction {name:?}; there are {known}"));
            };
            let weight = weight.parse().map_err(|_| wrong())?;
            if weights[at].replace(weight).is_some() {
                return Err(format!("{name} stands twice in the mix"));
            }
        }
        let weights = weights.map(Option::unwrap_or_default);
        match weights.iter().try_fold(0_u32, |sum, &weight| sum.checked_add(weight)) {
            None | Some(0) => {
                Err("the weights of the mix must add up to more than 0, and no billions".to_owned())
            }
            Some(_) => Ok(Self(weights)),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = Kind::ALL.iter().zip(self.0).filter(|(_, weight)| *weight > 0);
        let parts: Vec<String> = used.map(|(kind, weight)| format!("{}={weight}", kind.name())).collect();
        f.write_str(&parts.join(","))
    }
}

/// Draws tenants and kinds.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    tenants: WeightedIndex<f64>,
    kinds: WeightedIndex<u32>,
}

impl Draw {
    /// # Errors
    /// When there are no tenants.
    pub(super) fn new(skew: Skew, tenants: usize, mix: Mix) -> Result<Self, rand::distr::weighted::Error> {
        Ok(Self { tenants: WeightedIndex::new(skew.weights(tenants))?, kinds: WeightedIndex::new(mix.0)? })
    }

    /// A tenant's place in the list, from 0.
    pub(super) fn tenant(&self, random: &mut SmallRng) -> usize {
        self.tenants.sample(random)
    }

    pub(super) fn kind(&self, random: &mut SmallRng) -> Kind {
        Kind::ALL[self.kinds.sample(random)]
    }
}

/// The tenants by how busy they are, so that the quiet ones are not lost among the busy ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Classes {
    /// Where each class ends in the list of tenants.
    ends: [usize; Self::NAMES.len()],
}

impl Classes {
    /// The fewest tenants that take the first third of the load, those up to two thirds, the rest.
    pub(super) const NAMES: [&'static str; 3] = ["hot", "warm", "cold"];

    pub(super) fn new(skew: Skew, tenants: usize) -> Self {
        let weights = skew.weights(tenants);
        let whole: f64 = weights.iter().sum();
        let classes = Self::NAMES.len();
        let mut sum = 0.0;
        let sums: Vec<f64> = weights
            .iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        let end = |class: usize| {
            let share = whole * (class + 1) as f64 / classes as f64;
            // What is a third but for the rounding of sums is a third.
            (sums.partition_point(|&sum| sum < share * (1.0 - 1e-9)) + 1).min(tenants)
        };
        let mut ends = std::array::from_fn(end);
        ends[classes - 1] = tenants;
        Self { ends }
    }

    /// The class of a tenant, by its place in the list.
    pub(super) fn of(&self, tenant: usize) -> usize {
        self.ends.partition_point(|&end| end <= tenant).min(Self::NAMES.len() - 1)
    }

    /// How many tenants are in a class.
    pub(super) fn size(&self, class: usize) -> usize {
        self.ends[class] - class.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const DRAWS: usize = 100_000;

    fn draw(skew: Skew, tenants: usize) -> Draw {
        Draw::new(skew, tenants, "point=3,write=1".parse().unwrap()).unwrap()
    }

    fn counts(skew: Skew, tenants: usize) -> Vec<usize> {
        let (draw, mut random) = (draw(skew, tenants), SmallRng::seed_from_u64(7));
        let mut counts = vec![0; tenants];
        (0..DRAWS).for_each(|_| counts[draw.tenant(&mut random)] += 1);
        counts
    }

    /// More than five standard deviations away would be a wonder.
    fn assert_share(count: usize, share: f64) {
        let expected = share * DRAWS as f64;
        let far = 5.0 * (expected * (1.0 - share)).sqrt().max(1.0);
        assert!((count as f64 - expected).abs() < far, "{count}, not about {expected}");
    }

    #[test]
    fn uniform_spreads_evenly_over_all() {
        counts(Skew::Uniform, 50).into_iter().for_each(|count| assert_share(count, 1.0 / 50.0));
    }

    #[test]
    fn zipf_gives_the_nth_its_share() {
        let whole: f64 = (1..=200).map(|rank| f64::from(rank).powf(-1.1)).sum();
        for (at, count) in counts(Skew::Zipf(1.1), 200).into_iter().enumerate() {
            assert_share(count, ((at + 1) as f64).powf(-1.1) / whole);
        }
        assert_eq!(counts(Skew::Zipf(2.0), 1), [DRAWS]);
    }

    #[test]
    fn kinds_come_as_often_as_the_mix_says() {
        let (draw, mut random) = (draw(Skew::Uniform, 1), SmallRng::seed_from_u64(1));
        let kinds: Vec<Kind> = (0..DRAWS).map(|_| draw.kind(&mut random)).collect();
        assert_share(kinds.iter().filter(|kind| **kind == Kind::Point).count(), 0.75);
        assert_share(kinds.iter().filter(|kind| **kind == Kind::Write).count(), 0.25);
    }

    #[test]
    fn same_seed_draws_the_same() {
        let drawn = |seed| {
            let (draw, mut random) = (draw(Skew::Zipf(1.0), 1000), SmallRng::seed_from_u64(seed));
            (0..50).map(|_| draw.tenant(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[test]
    fn classes_take_a_third_of_the_load_each() {
        let sizes = |skew, tenants| {
            let classes = Classes::new(skew, tenants);
            let mut counted = [0; 3];
            (0..tenants).for_each(|tenant| counted[classes.of(tenant)] += 1);
            assert_eq!([0, 1, 2].map(|class| classes.size(class)), counted);
            counted
        };
        assert_eq!(sizes(Skew::Uniform, 300), [100, 100, 100]);
        assert_eq!(sizes(Skew::Uniform, 1), [1, 0, 0]);
        assert_eq!(sizes(Skew::Uniform, 2), [1, 1, 0]);
        // 1 + 1/2 + 1/3 + … + 1/1000 is about 7.49; the first 7 make 2.59, the first 82 make 4.99.
        assert_eq!(sizes(Skew::Zipf(1.0), 1000), [7, 76, 917]);
    }

    #[test]
    fn skews_are_read_and_written() {
        for text in ["uniform", "zipf=1.1", "zipf=0"] {
            assert_eq!(text.parse::<Skew>().unwrap().to_string(), text);
        }
        assert_eq!("zipf".parse(), Ok(Skew::Zipf(1.0)));
        for text in ["", "zipf=", "zipf=x", "zipf=-1", "zipf=nan", "uniform=1", "zipf:1", "pareto"] {
            assert!(text.parse::<Skew>().is_err(), "{text}");
        }
    }

    #[test]
    fn mixes_are_read_and_written() {
        for text in ["point=80,transaction=5,write=15", "range=1"] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "point",
            "point=0",
            "point=x",
            "point=-1",
            "select=1",
            "point=1,point=2",
            "point=4000000000,write=4000000000",
        ] {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
    }
}
