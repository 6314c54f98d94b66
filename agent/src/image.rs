//! What an agent is started from.

use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_isa::desc::Desc;
use flux_kcore::runtime::Role;
use flux_vm::{Config, Instance, Program, VmError};

use crate::parameters::{ParameterValue, store};
use crate::tables::Tables;

/// A loaded program with its wiring.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name of the agent.
    pub name: Arc<str>,
    /// Name of the document, for reports.
    pub document: Arc<str>,
    /// Tables of the program's module.
    pub tables: Arc<Tables>,
    /// The program.
    pub program: Arc<Program>,
    /// Memory quota in bytes.
    pub quota: u64,
    /// Capability kinds it was granted.
    pub capabilities: CapabilitySet,
    /// One handle word for each link.
    pub links: Vec<u64>,
    /// One value for each parameter.
    pub parameters: Vec<ParameterValue>,
    /// Whom it belongs to: a part of the system stands in no report.
    pub role: Role,
}

impl Image {
    /// A machine for the program, wired, with its parameters.
    pub(crate) fn instance(&self) -> Result<Instance, VmError> {
        let config = Config { quota: self.quota, capabilities: self.capabilities };
        let mut instance = Instance::new(Arc::clone(&self.program), config)?;
        for (index, word) in self.links.iter().enumerate() {
            instance.set_link(index, *word)?;
        }
        for (index, (parameter, value)) in
            self.program.module().parameters.iter().zip(&self.parameters).enumerate()
        {
            let memory = instance.memory();
            let quota = memory.quota();
            // A value that was bound has its type: nothing but the quota can be short.
            let word = Desc::parse(&parameter.desc).ok().and_then(|desc| store(memory, &desc, value).ok());
            let left = quota.saturating_sub(memory.charged());
            let word = word.ok_or(VmError::Quota { needed: left.saturating_add(1), left, quota })?;
            instance.set_parameter(index, word)?;
        }
        Ok(instance)
    }
}
