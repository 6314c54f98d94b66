//! The handle table of one agent: places with generations.

use alloc::vec::Vec;

use super::grant::LAST_GENERATION;
use super::{CapabilityError, NodeId};
use crate::id::AgentId;

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) content: PlaceContent,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum PlaceContent {
    Held(NodeId),
    Vacant { next: u16 },
    Retired,
}

#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) agent: AgentId,
    pub(super) places: Vec<Place>,
    free: u16,
    pub(super) used: u16,
    pub(super) limit: u16,
}

impl Holder {
    /// An empty table of at most `limit` places.
    pub(super) const fn new(agent: AgentId, limit: u16) -> Self {
        Self { agent, places: Vec::new(), free: 0, used: 0, limit }
    }

    pub(super) fn place(&self, slot: u16) -> Option<&Place> {
        self.places.get(usize::from(slot).checked_sub(1)?)
    }

    fn place_mut(&mut self, slot: u16) -> Option<&mut Place> {
        self.places.get_mut(usize::from(slot).checked_sub(1)?)
    }

    /// Makes sure that the next [`Holder::hold`] succeeds.
    pub(super) fn make_room(&mut self) -> Result<(), CapabilityError> {
        if self.free != 0 {
            return Ok(());
        }
        if self.places.len() >= usize::from(self.limit) {
            return Err(CapabilityError::Full { limit: self.limit });
        }
        self.places.try_reserve(1).map_err(|_| CapabilityError::NoMemory)?;
        let slot = u16::try_from(self.places.len().saturating_add(1))
            .map_err(|_| CapabilityError::Full { limit: self.limit })?;
        self.places.push(Place { generation: 1, content: PlaceContent::Vacant { next: 0 } });
        self.free = slot;
        Ok(())
    }

    /// Puts a node into the free place that [`Holder::make_room`] made; its slot and generation.
    pub(super) fn hold(&mut self, node: NodeId) -> Option<(u16, u32)> {
        let slot = self.free;
        let place = self.place_mut(slot)?;
        let PlaceContent::Vacant { next } = place.content else { return None };
        place.content = PlaceContent::Held(node);
        let generation = place.generation;
        self.free = next;
        self.used = self.used.saturating_add(1);
        Some((slot, generation))
    }

    pub(super) fn let_go(&mut self, slot: u16) {
        let free = self.free;
        let Some(place) = self.place_mut(slot) else { return };
        if !matches!(place.content, PlaceContent::Held(_)) {
            return;
        }
        if place.generation < LAST_GENERATION {
            place.generation = place.generation.saturating_add(1);
            place.content = PlaceContent::Vacant { next: free };
            self.free = slot;
        } else {
            place.content = PlaceContent::Retired;
        }
        self.used = self.used.saturating_sub(1);
    }
}
