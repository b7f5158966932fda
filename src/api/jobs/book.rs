//! What is known of jobs, in memory: bounded, and gone with the process.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::api::problem::Problem;

/// Jobs that may wait for their turn.
pub(super) const MOST_WAITING: usize = 32;

/// Jobs at their end that are remembered; the oldest are forgotten first.
pub(super) const MOST_ENDED: usize = 256;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for others.
    Queued,
    Running,
    /// It did what it was to do.
    Done,
    Failed,
    /// Somebody ended it before its end.
    Cancelled,
}

impl State {
    pub(super) const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// How much of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many bytes were `dumped`, or `loaded`.
    Bytes(&'static str, u64),
    /// So many of so many were `compared`, or `migrated`.
    Count(&'static str, usize, usize),
}

impl Progress {
    fn to_json(self) -> Value {
        match self {
            Self::Bytes(what, bytes) => json!({ "what": what, "bytes": bytes }),
            Self::Count(what, done, of) => json!({ "what": what, "done": done, "of": of }),
        }
    }
}

/// How a job ended. A job that failed may have a result as well: what it did before.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) result: Option<Value>,
    pub(super) problem: Option<Problem>,
}

impl From<Result<Value, Problem>> for End {
    fn from(ended: Result<Value, Problem>) -> Self {
        match ended {
            Ok(result) => Self { result: Some(result), problem: None },
            Err(problem) => Self { result: None, problem: Some(problem) },
        }
    }
}

/// One job.
#[derive(Debug)]
struct Job {
    verb: &'static str,
    tenant: Option<String>,
    state: State,
    is_unwanted: bool,
    progress: Option<Progress>,
    created: SystemTime,
    began: Option<SystemTime>,
    ended: Option<SystemTime>,
    end: End,
}

/// Why there is no such job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It was never given.
    Unknown,
    /// It ended, and many others since.
    Forgotten,
}

/// All jobs of this process, by number.
#[derive(Debug, Default)]
pub(super) struct Book {
    jobs: BTreeMap<u64, Job>,
    last: u64,
}

impl Book {
    /// Enters a job; `None` when too many wait.
    pub(super) fn enter(
        &mut self,
        verb: &'static str,
        tenant: Option<String>,
        now: SystemTime,
    ) -> Option<u64> {
        let waiting = self.jobs.values().filter(|job| job.state == State::Queued).count();
        if waiting >= MOST_WAITING {
            return None;
        }
        self.last += 1;
        let job = Job {
            verb,
            tenant,
            state: State::Queued,
            is_unwanted: false,
            progress: None,
            created: now,
            began: None,
            ended: None,
            end: End::default(),
        };
        self.jobs.insert(self.last, job);
        Some(self.last)
    }

    pub(super) fn begin(&mut self, number: u64, now: SystemTime) {
        if let Some(job) = self.jobs.get_mut(&number) {
            (job.state, job.began) = (State::Running, Some(now));
        }
    }

    pub(super) fn progress(&mut self, number: u64, progress: Progress) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.progress = Some(progress);
        }
    }

    /// Somebody wants it to end. One that is past where it can be put back goes on to its end.
    pub(super) fn unwant(&mut self, number: u64) {
        if let Some(job) = self.jobs.get_mut(&number).filter(|job| !job.state.has_ended()) {
            job.is_unwanted = true;
        }
    }

    /// Writes down how it ended. What it is said to be then.
    pub(super) fn end(&mut self, number: u64, end: End, now: SystemTime) -> State {
        let Some(job) = self.jobs.get_mut(&number) else { return State::Failed };
        job.state = match (&end.problem, job.is_unwanted) {
            (None, _) => State::Done,
            (Some(_), true) => State::Cancelled,
            (Some(_), false) => State::Failed,
        };
        (job.ended, job.end) = (Some(now), end);
        let state = job.state;
        self.forget();
        state
    }

    fn forget(&mut self) {
        let ended: Vec<u64> =
            self.jobs.iter().filter(|(_, job)| job.state.has_ended()).map(|(number, _)| *number).collect();
        for number in &ended[..ended.len().saturating_sub(MOST_ENDED)] {
            self.jobs.remove(number);
        }
    }

    /// All there is to say of one, under its address.
    pub(super) fn show(&self, number: u64, run: &str) -> Result<Value, Missing> {
        let job = self.jobs.get(&number).ok_or(match number {
            1.. if number <= self.last => Missing::Forgotten,
            _ => Missing::Unknown,
        })?;
        let mut object = brief(job, number, run);
        object["result"] = json!(job.end.result);
        object["problem"] = json!(job.end.problem.as_ref().map(Problem::body));
        Ok(object)
    }

    /// The newest first, without results.
    pub(super) fn list(&self, tenant: Option<&str>, state: Option<State>, run: &str) -> Vec<Value> {
        let asked_for = |job: &Job| {
            tenant.is_none_or(|tenant| job.tenant.as_deref() == Some(tenant))
                && state.is_none_or(|state| job.state == state)
        };
        let found = self.jobs.iter().rev().filter(|(_, job)| asked_for(job));
        found.map(|(number, job)| brief(job, *number, run)).collect()
    }
}

/// What a job is called, in this run of the process.
pub(super) fn id(run: &str, number: u64) -> String {
    format!("{run}-{number}")
}

fn brief(job: &Job, number: u64, run: &str) -> Value {
    let id = id(run, number);
    let time = |at: SystemTime| humantime::format_rfc3339_seconds(at).to_string();
    json!({
        "id": id,
        "href": format!("/v1/jobs/{id}"),
        "verb": job.verb,
        "tenant": job.tenant,
        "state": job.state.as_str(),
        "progress": job.progress.map(Progress::to_json),
        "created_at": time(job.created),
        "began_at": job.began.map(time),
        "ended_at": job.ended.map(time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn entered(book: &mut Book) -> Option<u64> {
        book.enter("backup", Some("acme".to_owned()), NOW)
    }

    fn failed() -> End {
        End::from(Err(Problem::invalid("no")))
    }

    #[test]
    fn job_is_told_from_its_beginning_to_its_end() {
        let mut book = Book::default();
        let number = entered(&mut book).unwrap();
        assert_eq!(book.show(number, "run").unwrap()["state"], "queued");
        book.begin(number, NOW);
        book.progress(number, Progress::Bytes("dumped", 7));
        let shown = book.show(number, "run").unwrap();
        assert_eq!(
            (&shown["state"], &shown["progress"]["bytes"], &shown["href"]),
            (&json!("running"), &json!(7), &json!("/v1/jobs/run-1"))
        );
        book.end(number, End::from(Ok(json!({ "rows": 3 }))), NOW);
        let shown = book.show(number, "run").unwrap();
        assert_eq!((&shown["state"], &shown["result"]["rows"]), (&json!("done"), &json!(3)));
        assert_eq!(shown["ended_at"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn job_that_somebody_ended_is_cancelled_unless_it_came_to_its_end() {
        let mut book = Book::default();
        let numbers = [(); 3].map(|()| entered(&mut book).unwrap());
        book.unwant(numbers[0]);
        book.unwant(numbers[1]);
        assert_eq!(book.end(numbers[0], failed(), NOW), State::Cancelled);
        assert_eq!(book.end(numbers[1], End::from(Ok(Value::Null)), NOW), State::Done);
        assert_eq!(book.end(numbers[2], failed(), NOW), State::Failed);
        let state = |state| book.list(Some("acme"), Some(state), "run").len();
        assert_eq!((state(State::Done), state(State::Failed), state(State::Queued)), (1, 1, 0));
        assert!(book.list(Some("beta"), None, "run").is_empty());
    }

    #[test]
    fn as_many_wait_and_as_many_are_remembered_as_there_is_room_for() {
        let mut book = Book::default();
        let waiting: Vec<u64> = std::iter::from_fn(|| entered(&mut book)).collect();
        assert_eq!(waiting.len(), MOST_WAITING);
        book.begin(waiting[0], NOW);
        assert!(entered(&mut book).is_some(), "one begins, another may wait");
        for _ in 0..MOST_ENDED + 2 {
            let number = *book.jobs.iter().find(|(_, job)| job.state == State::Queued).unwrap().0;
            book.end(number, failed(), NOW);
            entered(&mut book).unwrap();
        }
        assert_eq!(book.jobs.len(), MOST_ENDED + MOST_WAITING + 1);
        assert_eq!(book.show(waiting[1], "run").unwrap_err(), Missing::Forgotten);
        assert!(book.show(waiting[0], "run").is_ok(), "what runs is not forgotten");
        assert_eq!(book.show(0, "run").unwrap_err(), Missing::Unknown);
        assert_eq!(book.show(book.last + 1, "run").unwrap_err(), Missing::Unknown);
    }
}
