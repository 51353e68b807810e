//! The columns of the rows that are one line of one file: jobs, tasks and nodes.

use fogline_core::record::{JobRow, NodeRow, Spent, TaskRow};

use super::row::{Row, SPENT, Sink, Source, put_key, sample_key, take_key, take_spent};

impl Row for JobRow {
    const TABLE: &'static str = "jobs";

    fn sample() -> Self {
        let (condition, replication) = sample_key();
        Self {
            condition,
            replication,
            job: 0,
            pool_job: 0,
            client: String::new(),
            steps: 0,
            spent: Spent::default(),
        }
    }

    fn put(&self, sink: &mut dyn Sink) {
        put_key(&self.condition, self.replication, sink);
        sink.small("job", self.job);
        sink.small("pool_job", self.pool_job);
        sink.text("client", &self.client);
        sink.small("steps", self.steps);
        SPENT.put(&self.spent, sink);
    }

    fn take(source: &mut dyn Source) -> Result<Self, String> {
        let (condition, replication) = take_key(source)?;
        Ok(Self {
            condition,
            replication,
            job: source.small()?,
            pool_job: source.small()?,
            client: source.text()?.to_owned(),
            steps: source.small()?,
            spent: take_spent(source)?,
        })
    }
}

impl Row for TaskRow {
    const TABLE: &'static str = "tasks";

    fn sample() -> Self {
        let (condition, replication) = sample_key();
        Self {
            condition,
            replication,
            job: 0,
            step: 0,
            function: String::new(),
            node: String::new(),
            spent: Spent::default(),
        }
    }

    fn put(&self, sink: &mut dyn Sink) {
        put_key(&self.condition, self.replication, sink);
        sink.small("job", self.job);
        sink.small("step", self.step);
        sink.text("function", &self.function);
        sink.text("node", &self.node);
        SPENT.put(&self.spent, sink);
    }

    fn take(source: &mut dyn Source) -> Result<Self, String> {
        let (condition, replication) = take_key(source)?;
        Ok(Self {
            condition,
            replication,
            job: source.small()?,
            step: source.small()?,
            function: source.text()?.to_owned(),
            node: source.text()?.to_owned(),
            spent: take_spent(source)?,
        })
    }
}

impl Row for NodeRow {
    const TABLE: &'static str = "nodes";

    fn sample() -> Self {
        let (condition, replication) = sample_key();
        Self {
            condition,
            replication,
            node: String::new(),
            invocations: 0,
        }
    }

    fn put(&self, sink: &mut dyn Sink) {
        put_key(&self.condition, self.replication, sink);
        sink.text("node", &self.node);
        sink.whole("invocations", self.invocations);
    }

    fn take(source: &mut dyn Source) -> Result<Self, String> {
        let (condition, replication) = take_key(source)?;
        Ok(Self {
            condition,
            replication,
            node: source.text()?.to_owned(),
            invocations: source.whole()?,
        })
    }
}
