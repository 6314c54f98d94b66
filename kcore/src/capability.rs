//! Capability handles of agents and the graph of their derivation.
//!
//! Authority is a handle, not a name and not a bit in a record. A handle is one word:
//!
//! | bits | field | |
//! | --- | --- | --- |
//! | 0–15 | slot | place in the holder's own table, from 1 |
//! | 16–39 | generation | of that place, from 1 |
//! | 40–47 | rights | must equal the table's |
//! | 48–63 | badge | must equal the table's |
//!
//! The word is a claim: it is looked up in the caller's own table only, so a guessed word
//! reaches nothing that the caller does not hold anyway. The word 0 is no handle.
//!
//! # Invariants
//! 1. A live grant is covered by the grant that it was derived from (kinds, object, rights);
//!    a badge that is set stays. A grant that the kernel hung below another one by
//!    [`Capabilities::attach`] goes with it, and need not be covered.
//! 2. A place in a table never gets the same generation twice; a worn-out place is retired.
//! 3. Revoking makes the root stale first. While its descendants are still being walked,
//!    nothing can be derived from or moved out of them, so the walk ends.
//! 4. Every walk is iterative; a chain of derivations is at most [`MAX_DEPTH`] long.
//! 5. One agent fills at most a quarter of another one's table.
//! 6. When a holder ends, what it derived for others stays theirs and hangs from the
//!    grant above: nobody gains, and every grantor further up still revokes it.

use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;

use crate::id::{AgentId, Id, Table, index};

mod error;
mod grant;
mod holder;

pub use error::CapabilityError;
pub use grant::{Grant, Handle, Object, Rights};
use holder::{Holder, PlaceContent};

/// Derivations between a minted grant and the last one derived from it.
pub const MAX_DEPTH: u8 = 64;
/// Handles of an agent, unless it is given another limit.
pub const HANDLES: u16 = 1_024;

/// How far a revocation reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// The handle itself and everything derived from it.
    Whole,
    /// Only what was derived from it.
    Derived,
}

/// A revocation under way; nothing of it is usable for derivation any more.
#[derive(Clone, Copy, Debug)]
#[must_use = "a revocation has returned only when `revoke_step` says so"]
pub struct Revocation {
    root: NodeId,
    extent: Extent,
}

/// Whether a revocation is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Every derived handle is stale.
    Done,
    /// Call again.
    More,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct NodeId {
    slot: u32,
    generation: u32,
}

impl Id for NodeId {
    fn from_parts(slot: u32, generation: u32) -> Option<Self> {
        (slot != 0).then_some(Self { slot, generation })
    }
    fn slot(self) -> u32 {
        self.slot
    }
    fn generation(self) -> u32 {
        self.generation
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NodeState {
    Live,
    /// Usable, but nothing may be derived: what was derived is being revoked.
    Frozen,
    /// Revoked; the walk below it is not complete.
    Stale,
}

#[derive(Clone, Debug)]
struct Node {
    grant: Grant,
    state: NodeState,
    depth: u8,
    /// Who holds it and in which place; `None` once its holder ended during a revocation.
    holder: Option<(AgentId, u16)>,
    /// Who gave it; `None` is the kernel.
    giver: Option<AgentId>,
    parent: Option<NodeId>,
    first_child: Option<NodeId>,
    prev: Option<NodeId>,
    next: Option<NodeId>,
}

/// All handles of a shard: one table for each agent, one graph over all.
#[derive(Clone, Debug)]
pub struct Capabilities {
    holders: Vec<Option<Holder>>,
    nodes: Table<NodeId, Node>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

impl Capabilities {
    /// No agents, no handles.
    pub const fn new() -> Self {
        Self { holders: Vec::new(), nodes: Table::new(u32::MAX - 1) }
    }

    /// Gives an agent an empty table of at most `limit` handles.
    ///
    /// # Errors
    /// [`CapabilityError::NoAgent`] if its slot is still taken, [`CapabilityError::NoMemory`].
    pub fn open(&mut self, agent: AgentId, limit: u16) -> Result<(), CapabilityError> {
        let at = index(agent.slot()).ok_or(CapabilityError::NoAgent)?;
        let missing = at.saturating_add(1).saturating_sub(self.holders.len());
        self.holders.try_reserve(missing).map_err(|_| CapabilityError::NoMemory)?;
        for _ in 0..missing {
            self.holders.push(None);
        }
        match self.holders.get_mut(at) {
            Some(place @ None) => {
                *place = Some(Holder::new(agent, limit));
                Ok(())
            }
            _ => Err(CapabilityError::NoAgent),
        }
    }

    /// Drops the table of an agent that ended. What it derived for others hangs from the grant above.
    pub fn close(&mut self, agent: AgentId) {
        let Some(place) = index(agent.slot()).and_then(|at| self.holders.get_mut(at)) else { return };
        let Some(holder) = place.take_if(|holder| holder.agent == agent) else { return };
        for held in holder.places {
            if let PlaceContent::Held(node) = held.content {
                self.orphan(node);
            }
        }
    }

    /// Lets every handle that reaches the agent `old` reach its next generation `new` instead. For the
    /// kernel alone; looks at all handles.
    pub fn redirect(&mut self, old: AgentId, new: AgentId) {
        for node in self.nodes.values_mut() {
            if node.grant.object == Object::Endpoint(old) {
                node.grant.object = Object::Endpoint(new);
            }
        }
    }

    /// Makes a root grant for an agent, derived from nothing. For the kernel alone.
    ///
    /// # Errors
    /// As [`Capabilities::derive`].
    pub fn mint(&mut self, agent: AgentId, grant: Grant) -> Result<Handle, CapabilityError> {
        self.holder_mut(agent)?.make_room()?;
        self.add(agent, grant, None, None, 0)
    }

    /// Makes sure that the next grant that is minted for an agent finds a place.
    ///
    /// # Errors
    /// [`CapabilityError::NoAgent`], [`CapabilityError::Full`], [`CapabilityError::NoMemory`].
    pub fn reserve(&mut self, agent: AgentId) -> Result<(), CapabilityError> {
        self.nodes.reserve(1).map_err(|_| CapabilityError::NoMemory)?;
        self.holder_mut(agent)?.make_room()
    }

    /// Derives from `parent`, a handle of `caller`, a grant for `to` that is no wider.
    ///
    /// # Errors
    /// [`CapabilityError::Wider`], [`CapabilityError::MissingRight`] (GRANT, for another agent),
    /// [`CapabilityError::Revoking`], [`CapabilityError::TooDeep`], [`CapabilityError::Full`],
    /// [`CapabilityError::Share`], [`CapabilityError::NoMemory`], and those of an invalid handle.
    pub fn derive(
        &mut self,
        caller: AgentId,
        parent: Handle,
        to: AgentId,
        narrower: Grant,
    ) -> Result<Handle, CapabilityError> {
        let (above, node) = self.find(caller, parent)?;
        let depth = node.depth;
        if !node.grant.covers(narrower) {
            return Err(CapabilityError::Wider);
        }
        if depth >= MAX_DEPTH {
            return Err(CapabilityError::TooDeep);
        }
        self.may_give(caller, above, to)?;
        self.holder_mut(to)?.make_room()?;
        self.add(to, narrower, Some(above), Some(caller), depth.saturating_add(1))
    }

    /// Makes a grant for something that the holder of `parent` opened by it, such as a file by
    /// FILESYSTEM: it is revoked with `parent`. For the kernel alone, which decides what it allows.
    ///
    /// # Errors
    /// As [`Capabilities::derive`], without [`CapabilityError::Wider`].
    pub fn attach(
        &mut self,
        caller: AgentId,
        parent: Handle,
        grant: Grant,
    ) -> Result<Handle, CapabilityError> {
        let (above, node) = self.find(caller, parent)?;
        let depth = node.depth;
        if depth >= MAX_DEPTH {
            return Err(CapabilityError::TooDeep);
        }
        self.may_give(caller, above, caller)?;
        self.holder_mut(caller)?.make_room()?;
        self.add(caller, grant, Some(above), Some(caller), depth.saturating_add(1))
    }

    /// Moves `handle` to another agent; the old word is stale, what was derived from it stays.
    ///
    /// # Errors
    /// As [`Capabilities::derive`].
    pub fn transfer(
        &mut self,
        caller: AgentId,
        handle: Handle,
        to: AgentId,
    ) -> Result<Handle, CapabilityError> {
        let (id, node) = self.find(caller, handle)?;
        let grant = node.grant;
        self.may_give(caller, id, to)?;
        let receiver = self.holder_mut(to)?;
        receiver.make_room()?;
        let (slot, generation) = receiver.hold(id).ok_or(CapabilityError::NoMemory)?;
        self.holder_mut(caller)?.let_go(handle.slot());
        if let Some(node) = self.nodes.get_mut(id) {
            node.holder = Some((to, slot));
            node.giver = Some(caller);
        }
        Ok(Handle::new(slot, generation, grant.rights, grant.badge))
    }

    /// The grant behind `handle` if it is live, of `kind` and covers `needed`. O(1).
    ///
    /// # Errors
    /// [`CapabilityError::NoSuchHandle`], [`CapabilityError::Stale`],
    /// [`CapabilityError::WrongKind`], [`CapabilityError::MissingRight`].
    pub fn check(
        &self,
        caller: AgentId,
        handle: Handle,
        kind: CapabilityKind,
        needed: Rights,
    ) -> Result<Grant, CapabilityError> {
        let (_, node) = self.find(caller, handle)?;
        if !node.grant.kinds.allows(kind) {
            return Err(CapabilityError::WrongKind(kind));
        }
        if !node.grant.rights.covers(needed) {
            let (held, needed) = (node.grant.rights.0, needed.0);
            return Err(CapabilityError::MissingRight { held, needed });
        }
        Ok(node.grant)
    }

    /// The grant behind `handle`, whatever its kind. O(1).
    ///
    /// # Errors
    /// [`CapabilityError::NoSuchHandle`], [`CapabilityError::Stale`].
    pub fn inspect(&self, caller: AgentId, handle: Handle) -> Result<Grant, CapabilityError> {
        self.find(caller, handle).map(|(_, node)| node.grant)
    }

    /// Revokes and returns when every derived handle is stale; how many handles went.
    ///
    /// # Errors
    /// Those of an invalid handle.
    pub fn revoke(
        &mut self,
        caller: AgentId,
        handle: Handle,
        extent: Extent,
    ) -> Result<u32, CapabilityError> {
        let before = self.nodes.len();
        let revocation = self.revoke_start(caller, handle, extent)?;
        while self.revoke_step(revocation, u32::MAX) == Progress::More {}
        Ok(before.saturating_sub(self.nodes.len()))
    }

    /// Begins a revocation that the caller finishes by [`Capabilities::revoke_step`]: the root is stale at once.
    ///
    /// # Errors
    /// Those of an invalid handle.
    pub fn revoke_start(
        &mut self,
        caller: AgentId,
        handle: Handle,
        extent: Extent,
    ) -> Result<Revocation, CapabilityError> {
        let (root, _) = self.find(caller, handle)?;
        if let Some(node) = self.nodes.get_mut(root) {
            node.state = match extent {
                Extent::Whole => NodeState::Stale,
                Extent::Derived => NodeState::Frozen,
            };
        }
        Ok(Revocation { root, extent })
    }

    /// Goes on with a revocation for at most `budget` handles.
    pub fn revoke_step(&mut self, revocation: Revocation, budget: u32) -> Progress {
        let root = revocation.root;
        let mut at = root;
        let mut left = budget;
        loop {
            // Absent: a revocation that started further up took it already.
            let Some(node) = self.nodes.get(at) else { return Progress::Done };
            if let Some(child) = node.first_child {
                at = child;
                continue;
            }
            let parent = node.parent;
            if at == root && revocation.extent == Extent::Derived {
                match self.nodes.get_mut(root) {
                    Some(node) if node.holder.is_none() => self.remove_leaf(root),
                    Some(node) if node.state == NodeState::Frozen => node.state = NodeState::Live,
                    _ => {}
                }
                return Progress::Done;
            }
            if left == 0 {
                return Progress::More;
            }
            left = left.saturating_sub(1);
            self.remove_leaf(at);
            match parent {
                Some(parent) if at != root => at = parent,
                _ => return Progress::Done,
            }
        }
    }

    /// Tells whether an agent holds any live handle of a kind. O(handles of the agent).
    pub fn holds(&self, agent: AgentId, kind: CapabilityKind) -> bool {
        self.held(agent).any(|(_, grant)| grant.kinds.allows(kind))
    }

    /// Handles and grants of an agent in the order of their places.
    pub fn held(&self, agent: AgentId) -> impl Iterator<Item = (Handle, Grant)> {
        let holder = self.holder(agent).ok();
        holder.into_iter().flat_map(move |holder| {
            (1u16..).zip(&holder.places).filter_map(move |(slot, place)| {
                let PlaceContent::Held(node) = place.content else { return None };
                let node = self.nodes.get(node)?;
                if node.state == NodeState::Stale {
                    return None;
                }
                let grant = node.grant;
                Some((Handle::new(slot, place.generation, grant.rights, grant.badge), grant))
            })
        })
    }

    /// Tells whether a handle was derived, over others or not, from another one.
    pub fn is_below(&self, (holder, handle): (AgentId, Handle), (above, root): (AgentId, Handle)) -> bool {
        let (Ok((id, _)), Ok((root, _))) = (self.find(holder, handle), self.find(above, root)) else {
            return false;
        };
        let mut at = self.nodes.get(id).and_then(|node| node.parent);
        while let Some(id) = at {
            if id == root {
                return true;
            }
            at = self.nodes.get(id).and_then(|node| node.parent);
        }
        false
    }

    /// The handle through which `to` has `wanted` from the `caller`'s `handle` already: one that was derived
    /// from it for exactly that, or one that `handle` was derived from itself. O(handles of `to`).
    ///
    /// So what is passed on again and again takes one place, and what goes back to where it came from none.
    pub fn already_given(
        &self,
        (caller, handle): (AgentId, Handle),
        to: AgentId,
        wanted: Grant,
    ) -> Option<Handle> {
        let mut held = self.held(to).filter(|(_, grant)| grant.object == wanted.object);
        let found = held.find(|(held, grant)| {
            (*grant == wanted && self.is_below((to, *held), (caller, handle)))
                || (grant.covers(wanted) && self.is_below((caller, handle), (to, *held)))
        });
        found.map(|(held, _)| held)
    }

    /// Live grants in the whole graph.
    pub const fn len(&self) -> u32 {
        self.nodes.len()
    }

    /// Tells whether there is no grant at all.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn holder(&self, agent: AgentId) -> Result<&Holder, CapabilityError> {
        let place = index(agent.slot()).and_then(|at| self.holders.get(at));
        place.and_then(Option::as_ref).filter(|holder| holder.agent == agent).ok_or(CapabilityError::NoAgent)
    }

    fn holder_mut(&mut self, agent: AgentId) -> Result<&mut Holder, CapabilityError> {
        let place = index(agent.slot()).and_then(|at| self.holders.get_mut(at));
        place.and_then(Option::as_mut).filter(|holder| holder.agent == agent).ok_or(CapabilityError::NoAgent)
    }

    fn find(&self, caller: AgentId, handle: Handle) -> Result<(NodeId, &Node), CapabilityError> {
        let place = self.holder(caller)?.place(handle.slot()).ok_or(CapabilityError::NoSuchHandle)?;
        let id = match place.content {
            PlaceContent::Held(id) if place.generation == handle.generation() => id,
            _ if handle.generation() > place.generation => return Err(CapabilityError::NoSuchHandle),
            _ => return Err(CapabilityError::Stale),
        };
        let node = self.nodes.get(id).ok_or(CapabilityError::Stale)?;
        if node.state == NodeState::Stale {
            return Err(CapabilityError::Stale);
        }
        if handle.rights() != node.grant.rights.0 || handle.badge() != node.grant.badge {
            return Err(CapabilityError::NoSuchHandle);
        }
        Ok((id, node))
    }

    /// Checks that `caller` may add a handle that hangs from `above` to the table of `to`.
    fn may_give(&self, caller: AgentId, above: NodeId, to: AgentId) -> Result<(), CapabilityError> {
        let mut at = Some(above);
        while let Some(node) = at.and_then(|id| self.nodes.get(id)) {
            if node.state != NodeState::Live {
                return Err(CapabilityError::Revoking);
            }
            at = node.parent;
        }
        if caller == to {
            return Ok(());
        }
        let held = self.nodes.get(above).map_or(Rights::NONE, |node| node.grant.rights);
        if !held.covers(Rights::GRANT) {
            return Err(CapabilityError::MissingRight { held: held.0, needed: Rights::GRANT.0 });
        }
        let receiver = self.holder(to)?;
        let share = receiver.limit / 4;
        if receiver.used >= share && self.given(caller, receiver) >= usize::from(share) {
            return Err(CapabilityError::Share { share });
        }
        Ok(())
    }

    /// Handles in the table of `receiver` that `giver` put there.
    fn given(&self, giver: AgentId, receiver: &Holder) -> usize {
        let held = receiver.places.iter().filter_map(|place| match place.content {
            PlaceContent::Held(node) => self.nodes.get(node),
            _ => None,
        });
        held.filter(|node| node.giver == Some(giver)).count()
    }

    /// Adds a node below `parent` to the table of `holder`, which has room.
    fn add(
        &mut self,
        holder: AgentId,
        grant: Grant,
        parent: Option<NodeId>,
        giver: Option<AgentId>,
        depth: u8,
    ) -> Result<Handle, CapabilityError> {
        let next = parent.and_then(|id| self.nodes.get(id)).and_then(|node| node.first_child);
        let node = Node {
            grant,
            state: NodeState::Live,
            depth,
            holder: None,
            giver: giver.filter(|giver| *giver != holder),
            parent,
            first_child: None,
            prev: None,
            next,
        };
        let id = self.nodes.insert(node).map_err(|_| CapabilityError::NoMemory)?;
        let Some((slot, generation)) = self.holder_mut(holder)?.hold(id) else {
            self.nodes.remove(id);
            return Err(CapabilityError::NoMemory);
        };
        if let Some(node) = self.nodes.get_mut(id) {
            node.holder = Some((holder, slot));
        }
        if let Some(node) = next.and_then(|next| self.nodes.get_mut(next)) {
            node.prev = Some(id);
        }
        if let Some(node) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
            node.first_child = Some(id);
        }
        Ok(Handle::new(slot, generation, grant.rights, grant.badge))
    }

    /// Takes a node without children out of the graph and of its holder's table.
    fn remove_leaf(&mut self, id: NodeId) {
        let Some(node) = self.nodes.remove(id) else { return };
        self.unlink(&node);
        if let Some((agent, slot)) = node.holder
            && let Ok(holder) = self.holder_mut(agent)
        {
            holder.let_go(slot);
        }
    }

    fn unlink(&mut self, node: &Node) {
        if let Some(prev) = node.prev {
            if let Some(prev) = self.nodes.get_mut(prev) {
                prev.next = node.next;
            }
        } else if let Some(parent) = node.parent.and_then(|id| self.nodes.get_mut(id)) {
            parent.first_child = node.next;
        }
        if let Some(next) = node.next.and_then(|id| self.nodes.get_mut(id)) {
            next.prev = node.prev;
        }
    }

    /// Removes a node whose holder ended; its children hang from its parent from now on.
    fn orphan(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        node.holder = None;
        if node.state != NodeState::Live {
            // A revocation walks below it, and removes it at its end.
            return;
        }
        let (parent, mut child) = (node.parent, node.first_child.take());
        while let Some(at) = child {
            let head = parent.and_then(|id| self.nodes.get(id)).and_then(|node| node.first_child);
            let Some(node) = self.nodes.get_mut(at) else { break };
            child = node.next;
            node.parent = parent;
            node.prev = None;
            node.next = if parent.is_some() { head } else { None };
            if let Some(head) = head.filter(|_| parent.is_some()).and_then(|id| self.nodes.get_mut(id)) {
                head.prev = Some(at);
            }
            if let Some(parent) = parent.and_then(|id| self.nodes.get_mut(id)) {
                parent.first_child = Some(at);
            }
        }
        if let Some(node) = self.nodes.remove(id) {
            self.unlink(&node);
        }
    }
}

#[cfg(test)]
mod tests;
