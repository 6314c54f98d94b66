//! The eleven capability kinds and the rights a handle carries.

crate::numbered! {
    /// What a document declares that it needs; authority itself is a handle. Numbered by its bit in sets.
    CapabilityKind {
        0 Spawn "SPAWN" = "start, suspend and resume agents";
        1 Communicate "COMMUNICATE" = "send and receive messages";
        2 Compile "COMPILE" = "compile documents and load modules";
        3 IoRead "IO_READ" = "read devices";
        4 IoWrite "IO_WRITE" = "write devices";
        5 Memory "MEMORY" = "growable values and memory regions";
        6 Hardware "HARDWARE" = "device memory, interrupts, hardware configuration";
        7 Network "NETWORK" = "reach agents beyond this kernel; implies COMMUNICATE";
        8 Filesystem "FILESYSTEM" = "open files";
        9 Debug "DEBUG" = "look into other agents";
        10 Supervisor "SUPERVISOR" = "end and restart other agents";
    }
}

/// A set of capability kinds, one bit each.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct CapabilitySet(u16);

impl CapabilitySet {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// All eleven kinds.
    pub const ALL: Self = Self(0x7FF);

    /// The set with these bits, if no bit above 10 is set.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !0x7FF == 0 { Some(Self(bits)) } else { None }
    }

    /// One bit for each kind.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: CapabilityKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Tells whether `kind` is in the set itself.
    pub const fn contains(self, kind: CapabilityKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Tells whether the set allows `kind`: NETWORK implies COMMUNICATE.
    pub const fn allows(self, kind: CapabilityKind) -> bool {
        self.contains(kind)
            || (matches!(kind, CapabilityKind::Communicate) && self.contains(CapabilityKind::Network))
    }

    /// Tells whether every kind in `other` is in this set.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The kinds in the set in the order of the bits.
    pub fn iter(self) -> impl Iterator<Item = CapabilityKind> {
        CapabilityKind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}
