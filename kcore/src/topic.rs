//! Topics and who is subscribed to them.
//!
//! # Invariants
//! 1. Subscribers are kept in the order of subscription, so a publication reaches them in
//!    the same order in every run.
//! 2. An agent is subscribed to a topic at most once, and to at most [`SUBSCRIPTIONS`] topics.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::TOPIC_BYTES;
use flux_abi::status::Status;

use crate::id::{AgentId, Table, TableError, TopicId};
use crate::sorted::SortedMap;

/// Topics of a shard.
pub const TOPICS: u32 = 4_096;
/// Topics that one agent may be subscribed to.
pub const SUBSCRIPTIONS: u32 = 64;

#[derive(Debug)]
struct Topic {
    name: String,
    subscribers: Vec<Subscriber>,
}

/// One subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscriber {
    /// Who is subscribed.
    pub agent: AgentId,
    /// Publications that its mailbox refused.
    pub refused: u64,
}

/// Why something with a topic was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TopicError {
    /// The name is empty or too long.
    #[error("a topic's name has 1 to {TOPIC_BYTES} bytes, this one has {len}")]
    Name {
        /// Its bytes.
        len: usize,
    },
    /// There is no such topic.
    #[error("there is no such topic")]
    NoSuchTopic,
    /// The agent is subscribed already.
    #[error("the agent is subscribed already")]
    Subscribed,
    /// The agent is not subscribed.
    #[error("the agent is not subscribed")]
    NotSubscribed,
    /// Too many topics, or too many subscriptions of the agent.
    #[error("the limit of {limit} is reached")]
    Limit {
        /// The limit.
        limit: u32,
    },
    /// The allocator gave no memory.
    #[error("no memory for a topic or a subscription")]
    NoMemory,
}

impl From<TopicError> for Status {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Name { .. } => Self::Invalid,
            TopicError::NoSuchTopic | TopicError::NotSubscribed => Self::NotFound,
            TopicError::Subscribed => Self::Exists,
            TopicError::Limit { .. } => Self::Busy,
            TopicError::NoMemory => Self::NoMemory,
        }
    }
}

/// All topics of a shard.
#[derive(Debug)]
pub struct Topics {
    topics: Table<TopicId, Topic>,
    names: SortedMap<String, TopicId>,
    subscriptions: SortedMap<AgentId, u32>,
}

impl Default for Topics {
    fn default() -> Self {
        Self::new()
    }
}

impl Topics {
    /// No topics.
    pub const fn new() -> Self {
        Self { topics: Table::new(TOPICS), names: SortedMap::new(), subscriptions: SortedMap::new() }
    }

    /// The topic of a name, made if it is new. For the wiring of links by the kernel.
    ///
    /// # Errors
    /// [`TopicError::Name`], [`TopicError::Limit`], [`TopicError::NoMemory`].
    pub fn topic(&mut self, name: &str) -> Result<TopicId, TopicError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        let len = name.len();
        if len == 0 || len > TOPIC_BYTES {
            return Err(TopicError::Name { len });
        }
        self.names.reserve(1).map_err(|_| TopicError::NoMemory)?;
        let topic = Topic { name: text(name)?, subscribers: Vec::new() };
        let key = text(name)?;
        let id = self.topics.insert(topic).map_err(|error| match error {
            TableError::Full { limit } => TopicError::Limit { limit },
            TableError::NoMemory => TopicError::NoMemory,
        })?;
        self.names.insert(key, id);
        Ok(id)
    }

    /// The name of a topic.
    pub fn name(&self, topic: TopicId) -> Option<&str> {
        self.topics.get(topic).map(|topic| topic.name.as_str())
    }

    /// Subscribes an agent.
    ///
    /// # Errors
    /// [`TopicError::NoSuchTopic`], [`TopicError::Subscribed`], [`TopicError::Limit`],
    /// [`TopicError::NoMemory`].
    pub fn subscribe(&mut self, topic: TopicId, agent: AgentId) -> Result<(), TopicError> {
        let topic = self.topics.get_mut(topic).ok_or(TopicError::NoSuchTopic)?;
        if topic.subscribers.iter().any(|subscriber| subscriber.agent == agent) {
            return Err(TopicError::Subscribed);
        }
        let count = self.subscriptions.get(&agent).copied().unwrap_or(0);
        if count >= SUBSCRIPTIONS {
            return Err(TopicError::Limit { limit: SUBSCRIPTIONS });
        }
        topic.subscribers.try_reserve(1).map_err(|_| TopicError::NoMemory)?;
        self.subscriptions.reserve(1).map_err(|_| TopicError::NoMemory)?;
        topic.subscribers.push(Subscriber { agent, refused: 0 });
        self.subscriptions.insert(agent, count.saturating_add(1));
        Ok(())
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`TopicError::NoSuchTopic`], [`TopicError::NotSubscribed`].
    pub fn unsubscribe(&mut self, topic: TopicId, agent: AgentId) -> Result<(), TopicError> {
        let topic = self.topics.get_mut(topic).ok_or(TopicError::NoSuchTopic)?;
        let at = topic.subscribers.iter().position(|subscriber| subscriber.agent == agent);
        topic.subscribers.remove(at.ok_or(TopicError::NotSubscribed)?);
        match self.subscriptions.get_mut(&agent) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                self.subscriptions.remove(&agent);
            }
        }
        Ok(())
    }

    /// Ends all subscriptions of an agent that ends.
    pub fn forget(&mut self, agent: AgentId) {
        if self.subscriptions.remove(&agent).is_none() {
            return;
        }
        for id in self.names.values() {
            if let Some(topic) = self.topics.get_mut(*id) {
                topic.subscribers.retain(|subscriber| subscriber.agent != agent);
            }
        }
    }

    /// The subscriber at `place` in the order of subscription.
    pub fn subscriber(&self, topic: TopicId, place: usize) -> Option<Subscriber> {
        self.topics.get(topic)?.subscribers.get(place).copied()
    }

    /// Counts a publication that the subscriber at `place` refused.
    pub fn count_refusal(&mut self, topic: TopicId, place: usize) {
        if let Some(subscriber) = self.topics.get_mut(topic).and_then(|t| t.subscribers.get_mut(place)) {
            subscriber.refused = subscriber.refused.saturating_add(1);
        }
    }
}

fn text(name: &str) -> Result<String, TopicError> {
    let mut text = String::new();
    text.try_reserve_exact(name.len()).map_err(|_| TopicError::NoMemory)?;
    text.push_str(name);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    #[test]
    fn a_name_is_one_topic_and_its_subscribers_keep_their_order() {
        let mut topics = Topics::new();
        let topic = topics.topic("weather").unwrap();
        assert_eq!(topics.topic("weather"), Ok(topic));
        for slot in [3, 1, 2] {
            topics.subscribe(topic, agent(slot)).unwrap();
        }
        assert_eq!(topics.subscribe(topic, agent(1)), Err(TopicError::Subscribed));
        topics.unsubscribe(topic, agent(1)).unwrap();
        assert_eq!(topics.unsubscribe(topic, agent(1)), Err(TopicError::NotSubscribed));
        assert_eq!(topics.subscriber(topic, 0).unwrap().agent, agent(3));
        assert_eq!(topics.subscriber(topic, 1).unwrap().agent, agent(2));
        topics.forget(agent(3));
        assert_eq!(topics.subscriber(topic, 0).unwrap().agent, agent(2));
    }

    #[test]
    fn names_and_subscriptions_are_bounded() {
        let mut topics = Topics::new();
        assert_eq!(topics.topic(""), Err(TopicError::Name { len: 0 }));
        assert_eq!(topics.topic(&"x".repeat(65)), Err(TopicError::Name { len: 65 }));
        for n in 0..SUBSCRIPTIONS {
            let topic = topics.topic(&std::format!("t{n}")).unwrap();
            topics.subscribe(topic, agent(1)).unwrap();
        }
        let one_more = topics.topic("more").unwrap();
        assert_eq!(topics.subscribe(one_more, agent(1)), Err(TopicError::Limit { limit: SUBSCRIPTIONS }));
        topics.forget(agent(1));
        assert!(topics.subscribe(one_more, agent(1)).is_ok());
    }
}
