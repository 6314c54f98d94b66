//! What an agent is started from.

use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::select::AllocKind;
use flux_kcore::runtime::Role;
use flux_vm::{Config, Instance, Program, VmError};

use crate::parameters::ParameterValue;
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
        for (index, value) in self.parameters.iter().enumerate() {
            let word = match value {
                ParameterValue::Bool(value) => u64::from(*value),
                ParameterValue::Int(value) | ParameterValue::Duration(value) => value.cast_unsigned(),
                ParameterValue::Float(value) => value.to_bits(),
                ParameterValue::Text(text) => {
                    let memory = instance.memory();
                    let quota = memory.quota();
                    let ptr = memory.alloc_str(AllocKind::State, text.as_bytes());
                    u64::from(ptr.map_err(|_| VmError::Quota {
                        needed: u64::try_from(text.len()).unwrap_or(u64::MAX),
                        left: 0,
                        quota,
                    })?)
                }
            };
            instance.set_parameter(index, word)?;
        }
        Ok(instance)
    }
}
