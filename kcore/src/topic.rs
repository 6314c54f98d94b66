//! Topics, patterns that stand for many of them, and who is subscribed to them.
//!
//! A pattern (see [`flux_abi::topic`]) is an entry like a topic, with a number and subscribers; nothing is
//! published on it. A publication looks for the patterns that match its topic, so that neither a new
//! topic nor a new pattern costs anything for the other ones.
//!
//! # Invariants
//! 1. A publication reaches first the subscribers of its topic, then those of each matching pattern in the
//!    order in which the patterns were made, always in the order of subscription: the same in every run.
//! 2. It reaches an agent once, by however many patterns.
//! 3. An agent is subscribed to a topic or pattern at most once, and to at most [`SUBSCRIPTIONS`] of them.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::TOPIC_BYTES;
use flux_abi::status::Status;
use flux_abi::topic::{Form, form, matches};

use crate::capability::Handle;
use crate::id::{AgentId, Table, TableError, TopicId};
use crate::sorted::SortedMap;

/// Topics and patterns of a shard.
pub const TOPICS: u32 = 4_096;
/// Patterns among them; each publication looks at all.
pub const PATTERNS: u32 = 256;
/// Topics that one agent may be subscribed to.
pub const SUBSCRIPTIONS: u32 = 64;

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Topic {
    name: String,
    subscribers: Vec<Subscriber>,
}

/// One subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscriber {
    /// Who is subscribed.
    pub agent: AgentId,
    /// The handle by which it subscribed, with which the subscription ends; `None` if the kernel did it.
    pub through: Option<Handle>,
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
    /// A wildcard stands where none can.
    #[error("`+` and `#` stand for whole levels between `/`, and `#` for the last ones")]
    Wildcard,
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
            TopicError::Name { .. } | TopicError::Wildcard => Self::Invalid,
            TopicError::NoSuchTopic | TopicError::NotSubscribed => Self::NotFound,
            TopicError::Subscribed => Self::Exists,
            TopicError::Limit { .. } => Self::Busy,
            TopicError::NoMemory => Self::NoMemory,
        }
    }
}

/// Where a publication stands in the lists of those whom it reaches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// 0 is the list of the topic itself, then come the patterns.
    list: usize,
    at: usize,
}

impl Place {
    /// Goes back by one, because the one that was given last is no subscriber any more.
    pub const fn step_back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }
}

/// All topics of a shard.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Topics {
    topics: Table<TopicId, Topic>,
    names: SortedMap<String, TopicId>,
    /// In the order in which they were made.
    patterns: Vec<TopicId>,
    subscriptions: SortedMap<AgentId, Vec<TopicId>>,
}

impl Default for Topics {
    fn default() -> Self {
        Self::new()
    }
}

impl Topics {
    /// No topics.
    pub const fn new() -> Self {
        Self {
            topics: Table::new(TOPICS),
            names: SortedMap::new(),
            patterns: Vec::new(),
            subscriptions: SortedMap::new(),
        }
    }

    /// The topic or pattern of a name, made if it is new. For the wiring of links by the kernel.
    ///
    /// # Errors
    /// [`TopicError::Name`], [`TopicError::Wildcard`], [`TopicError::Limit`], [`TopicError::NoMemory`].
    pub fn topic(&mut self, name: &str) -> Result<TopicId, TopicError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        let len = name.len();
        if len == 0 || len > TOPIC_BYTES {
            return Err(TopicError::Name { len });
        }
        let form = form(name);
        match form {
            Form::Misplaced => return Err(TopicError::Wildcard),
            Form::Pattern if self.patterns.len() >= PATTERNS as usize => {
                return Err(TopicError::Limit { limit: PATTERNS });
            }
            Form::Pattern => self.patterns.try_reserve(1).map_err(|_| TopicError::NoMemory)?,
            Form::Name => {}
        }
        self.names.reserve(1).map_err(|_| TopicError::NoMemory)?;
        let topic = Topic { name: text(name)?, subscribers: Vec::new() };
        let key = text(name)?;
        let id = self.topics.insert(topic).map_err(|error| match error {
            TableError::Full { limit } => TopicError::Limit { limit },
            TableError::NoMemory => TopicError::NoMemory,
        })?;
        self.names.insert(key, id);
        if form == Form::Pattern {
            self.patterns.push(id);
        }
        Ok(id)
    }

    /// The name of a topic or pattern.
    pub fn name(&self, topic: TopicId) -> Option<&str> {
        self.topics.get(topic).map(|topic| topic.name.as_str())
    }

    /// Tells whether it is a pattern, on which nothing can be published.
    pub fn is_pattern(&self, topic: TopicId) -> bool {
        self.patterns.contains(&topic)
    }

    /// Subscribes an agent; with the handle by which it asked for that, if it did.
    ///
    /// # Errors
    /// [`TopicError::NoSuchTopic`], [`TopicError::Subscribed`], [`TopicError::Limit`],
    /// [`TopicError::NoMemory`].
    pub fn subscribe(
        &mut self,
        id: TopicId,
        agent: AgentId,
        through: Option<Handle>,
    ) -> Result<(), TopicError> {
        let topic = self.topics.get_mut(id).ok_or(TopicError::NoSuchTopic)?;
        if topic.subscribers.iter().any(|subscriber| subscriber.agent == agent) {
            return Err(TopicError::Subscribed);
        }
        topic.subscribers.try_reserve(1).map_err(|_| TopicError::NoMemory)?;
        match self.subscriptions.get_mut(&agent) {
            Some(own) if own.len() >= SUBSCRIPTIONS as usize => {
                return Err(TopicError::Limit { limit: SUBSCRIPTIONS });
            }
            Some(own) => {
                own.try_reserve(1).map_err(|_| TopicError::NoMemory)?;
                own.push(id);
            }
            None => {
                let mut own = Vec::new();
                own.try_reserve(1).map_err(|_| TopicError::NoMemory)?;
                own.push(id);
                self.subscriptions.reserve(1).map_err(|_| TopicError::NoMemory)?;
                self.subscriptions.insert(agent, own);
            }
        }
        topic.subscribers.push(Subscriber { agent, through, refused: 0 });
        Ok(())
    }

    /// The subscription of an agent to a topic or pattern.
    pub fn subscription(&self, topic: TopicId, agent: AgentId) -> Option<Subscriber> {
        let subscribers = &self.topics.get(topic)?.subscribers;
        subscribers.iter().find(|subscriber| subscriber.agent == agent).copied()
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`TopicError::NoSuchTopic`], [`TopicError::NotSubscribed`].
    pub fn unsubscribe(&mut self, id: TopicId, agent: AgentId) -> Result<(), TopicError> {
        let topic = self.topics.get_mut(id).ok_or(TopicError::NoSuchTopic)?;
        let at = topic.subscribers.iter().position(|subscriber| subscriber.agent == agent);
        topic.subscribers.remove(at.ok_or(TopicError::NotSubscribed)?);
        if let Some(own) = self.subscriptions.get_mut(&agent) {
            own.retain(|topic| *topic != id);
            if own.is_empty() {
                self.subscriptions.remove(&agent);
            }
        }
        Ok(())
    }

    /// Ends all subscriptions of an agent that ends.
    pub fn forget(&mut self, agent: AgentId) {
        for id in self.subscriptions.remove(&agent).unwrap_or_default() {
            if let Some(topic) = self.topics.get_mut(id) {
                topic.subscribers.retain(|subscriber| subscriber.agent != agent);
            }
        }
    }

    /// The next one whom a publication on `topic` reaches, and by which topic or pattern; `place` says whom
    /// it has reached, and is moved on.
    pub fn next_subscriber(&self, topic: TopicId, place: &mut Place) -> Option<(TopicId, Subscriber)> {
        let name = self.name(topic)?;
        loop {
            let by = match place.list.checked_sub(1) {
                None => topic,
                Some(pattern) => *self.patterns.get(pattern)?,
            };
            let list = self.topics.get(by).filter(|list| by == topic || matches(&list.name, name));
            let found = list.and_then(|list| list.subscribers.get(place.at).copied());
            let Some(subscriber) = found else {
                *place = Place { list: place.list.saturating_add(1), at: 0 };
                continue;
            };
            place.at = place.at.saturating_add(1);
            if !self.is_reached_before(subscriber.agent, topic, name, place.list) {
                return Some((by, subscriber));
            }
        }
    }

    /// Tells whether an agent in list number `list` of a publication stands in an earlier one, too.
    fn is_reached_before(&self, agent: AgentId, topic: TopicId, name: &str, list: usize) -> bool {
        let Some(earlier) = list.checked_sub(1).and_then(|list| self.patterns.get(..list)) else {
            return false;
        };
        let own = self.subscriptions.get(&agent).map_or(&[][..], Vec::as_slice);
        own.iter().any(|own| {
            *own == topic || earlier.contains(own) && self.name(*own).is_some_and(|own| matches(own, name))
        })
    }

    /// Counts a publication that a subscriber refused.
    pub fn count_refusal(&mut self, topic: TopicId, agent: AgentId) {
        let subscribers = self.topics.get_mut(topic).map(|topic| topic.subscribers.iter_mut());
        let subscriber = subscribers.and_then(|mut all| all.find(|subscriber| subscriber.agent == agent));
        if let Some(subscriber) = subscriber {
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

    fn reached(topics: &Topics, topic: TopicId) -> Vec<u32> {
        let mut place = Place::default();
        let all = core::iter::from_fn(|| topics.next_subscriber(topic, &mut place));
        all.map(|(_, subscriber)| subscriber.agent.slot()).collect()
    }

    #[test]
    fn a_name_is_one_topic_and_its_subscribers_keep_their_order() {
        let mut topics = Topics::new();
        let topic = topics.topic("weather").unwrap();
        assert_eq!(topics.topic("weather"), Ok(topic));
        for slot in [3, 1, 2] {
            topics.subscribe(topic, agent(slot), None).unwrap();
        }
        assert_eq!(topics.subscribe(topic, agent(1), None), Err(TopicError::Subscribed));
        topics.unsubscribe(topic, agent(1)).unwrap();
        assert_eq!(topics.unsubscribe(topic, agent(1)), Err(TopicError::NotSubscribed));
        assert_eq!(reached(&topics, topic), [3, 2]);
        topics.forget(agent(3));
        assert_eq!(reached(&topics, topic), [2]);
    }

    #[test]
    fn names_and_subscriptions_are_bounded() {
        let mut topics = Topics::new();
        assert_eq!(topics.topic(""), Err(TopicError::Name { len: 0 }));
        assert_eq!(topics.topic(&"x".repeat(65)), Err(TopicError::Name { len: 65 }));
        for n in 0..SUBSCRIPTIONS {
            let topic = topics.topic(&std::format!("t{n}")).unwrap();
            topics.subscribe(topic, agent(1), None).unwrap();
        }
        let one_more = topics.topic("more").unwrap();
        let refused = topics.subscribe(one_more, agent(1), None);
        assert_eq!(refused, Err(TopicError::Limit { limit: SUBSCRIPTIONS }));
        topics.forget(agent(1));
        assert!(topics.subscribe(one_more, agent(1), None).is_ok());
    }

    #[test]
    fn patterns_are_bounded_and_names_are_no_patterns() {
        let mut topics = Topics::new();
        assert_eq!(topics.topic("a/b+"), Err(TopicError::Wildcard));
        for n in 0..PATTERNS {
            let pattern = topics.topic(&std::format!("a/{n}/+")).unwrap();
            assert!(topics.is_pattern(pattern));
        }
        assert_eq!(topics.topic("b/#"), Err(TopicError::Limit { limit: PATTERNS }));
        let name = topics.topic("b/c").unwrap();
        assert!(!topics.is_pattern(name));
    }

    #[test]
    fn an_event_reaches_everybody_once_by_topic_first_and_then_by_pattern() {
        let mut topics = Topics::new();
        let [all, plus, name, other] =
            ["#", "house/+", "house/door", "house/door/bell"].map(|name| topics.topic(name).unwrap());
        for (topic, slot) in [(all, 5), (plus, 4), (all, 3), (name, 3), (name, 2), (plus, 2), (plus, 5)] {
            topics.subscribe(topic, agent(slot), None).unwrap();
        }
        assert_eq!(reached(&topics, name), [3, 2, 5, 4]);
        assert_eq!(reached(&topics, other), [5, 3]);
        let late = topics.topic("house/window").unwrap();
        assert_eq!(reached(&topics, late), [5, 3, 4, 2], "a topic that is newer than the patterns");
        topics.unsubscribe(all, agent(5)).unwrap();
        assert_eq!(reached(&topics, name), [3, 2, 4, 5], "it has another one that matches");
        topics.forget(agent(2));
        assert_eq!(reached(&topics, name), [3, 4, 5]);
    }
}
