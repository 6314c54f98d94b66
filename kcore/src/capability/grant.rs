//! What a handle stands for, and the word that claims it.

use flux_abi::capability::{CapabilityKind, CapabilitySet};

use crate::id::{AgentId, TopicId};

const GENERATION_BITS: u32 = 24;
/// The generation after which a place of a table is retired.
pub(super) const LAST_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// What a handle allows on its object, as a bit set; widening is not expressible.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Rights(pub(super) u8);

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Read a device, inspect, subscribe to a topic.
    pub const READ: Self = Self(1);
    /// Write a device, send to an agent, publish on a topic.
    pub const WRITE: Self = Self(2);
    /// Run a module; use a kind that has no object.
    pub const USE: Self = Self(4);
    /// Derive for, or move to, another agent.
    pub const GRANT: Self = Self(8);
    /// End, restart, swap, limit.
    pub const MANAGE: Self = Self(16);
    /// Every right.
    pub const ALL: Self = Self(31);

    /// The rights with these bits; unknown bits make none.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// One bit for each right.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The rights of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Keeps only the rights also present in `mask`.
    #[must_use]
    pub const fn attenuate(self, mask: Self) -> Self {
        Self(self.0 & mask.0)
    }

    /// Tells whether every right in `needed` is held.
    pub const fn covers(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// What a handle reaches.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Object {
    /// Every object of the handle's kinds; only the kernel mints it.
    Any,
    /// The kind itself, for calls that need no object.
    Kind,
    /// A device, by its number at the kernel.
    Device(u32),
    /// An agent as receiver of messages.
    Endpoint(AgentId),
    /// A topic.
    Topic(TopicId),
    /// A loaded module, by its number at the kernel.
    Module(u32),
    /// A memory region, by its number at the kernel.
    Region(u32),
    /// An open file, by its number at the kernel.
    File(u32),
}

impl Object {
    /// Tells whether a handle for this object may be narrowed to `other`.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// What a handle stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Kinds of calls it may be used for.
    pub kinds: CapabilitySet,
    /// What it reaches.
    pub object: Object,
    /// What it allows there.
    pub rights: Rights,
    /// A number that the object's owner sees with every use; 0 is none.
    pub badge: u16,
}

impl Grant {
    /// Every kind, object and right: the root from which a kernel derives all others.
    pub const ROOT: Self =
        Self { kinds: CapabilitySet::ALL, object: Object::Any, rights: Rights::ALL, badge: 0 };

    /// A grant of one kind on one object.
    pub const fn new(kind: CapabilityKind, object: Object, rights: Rights) -> Self {
        Self { kinds: CapabilitySet::EMPTY.with(kind), object, rights, badge: 0 }
    }

    /// Tells whether `other` is no wider than this grant.
    pub fn covers(self, other: Self) -> bool {
        other.kinds.iter().all(|kind| self.kinds.allows(kind))
            && self.object.covers(other.object)
            && self.rights.covers(other.rights)
            && (self.badge == 0 || self.badge == other.badge)
    }
}

/// An agent's claim to a grant; proves nothing until [`Capabilities::check`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Handle(u64);

impl Handle {
    /// No handle.
    pub const NONE: Self = Self(0);

    /// The claim that a word makes.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The word for registers.
    pub const fn word(self) -> u64 {
        self.0
    }

    pub(super) fn new(slot: u16, generation: u32, rights: Rights, badge: u16) -> Self {
        Self(
            u64::from(slot)
                | u64::from(generation & LAST_GENERATION) << 16
                | u64::from(rights.0) << 40
                | u64::from(badge) << 48,
        )
    }

    #[expect(clippy::cast_possible_truncation, reason = "the field is the low 16 bits")]
    pub(super) const fn slot(self) -> u16 {
        self.0 as u16
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to 24 bits")]
    pub(super) const fn generation(self) -> u32 {
        (self.0 >> 16) as u32 & LAST_GENERATION
    }

    #[expect(clippy::cast_possible_truncation, reason = "the field is 8 bits wide")]
    pub(super) const fn rights(self) -> u8 {
        (self.0 >> 40) as u8
    }

    pub(super) const fn badge(self) -> u16 {
        (self.0 >> 48) as u16
    }
}
