//! Swaps in the kernel's loop.

use alloc::string::ToString as _;
use alloc::sync::Arc;

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::Stream;
use flux_kcore::capability::Handle;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{AgentRuntime, Wake};
use flux_kcore::sched::Boost;
use flux_kcore::swap::Policy;
use flux_vm::Program;

use super::Kernel;
use crate::base::Core;
use crate::error::KernelError;
use crate::exchange::SwapRequest;
use crate::wiring::Launch;

impl<R: AgentRuntime<Core>> Kernel<R> {
    /// Lets an agent go on with another program at its next safe point, with its state, messages and handles.
    /// `claim` is the caller's handle by which it may do so.
    ///
    /// That it was swapped, stays so or goes back stands in the log.
    ///
    /// # Errors
    /// [`KernelError::Swap`]: the program cannot take the place of the agent's; [`KernelError::Register`] with
    /// `DENIED` if the caller may not.
    pub fn swap(&mut self, caller: AgentId, claim: Handle, wanted: SwapRequest) -> Result<(), KernelError> {
        let (agent, policy) = (wanted.agent, wanted.policy);
        self.allow_swap(caller, claim, agent)?;
        let launch = self.core.prepare_swap(caller, wanted)?;
        self.begin_swap(agent, &launch, policy)
    }

    /// Whether [`Kernel::swap`] would find that the program fits in the place of the agent's. What it newly reaches is
    /// looked for only when it is swapped in.
    ///
    /// # Errors
    /// As [`Kernel::swap`].
    pub fn check_swap(
        &self,
        caller: AgentId,
        claim: Handle,
        wanted: &SwapRequest,
    ) -> Result<(), KernelError> {
        self.allow_swap(caller, claim, wanted.agent)?;
        self.core.fits_for_swap(wanted).map(drop)
    }

    fn allow_swap(&self, caller: AgentId, claim: Handle, agent: AgentId) -> Result<(), KernelError> {
        self.core.may_swap(caller, agent, claim).map_err(|status| KernelError::Swap {
            agent: self.core.known(agent).map_or_else(Default::default, |known| known.name.to_string()),
            status,
            reason: "whoever asks for it holds no handle that allows it".to_string(),
        })
    }

    /// The program behind a module handle of `caller`.
    ///
    /// # Errors
    /// `DENIED`, `INVALID`, `NOTFOUND`.
    pub fn program(&self, caller: AgentId, module: u64) -> Result<Arc<Program>, Status> {
        crate::syscall::module_of(&self.core, caller, module).map(|(_, program)| program)
    }

    /// Hands a swap that was checked to the runtime.
    pub(super) fn begin_swap(
        &mut self,
        agent: AgentId,
        launch: &Launch,
        policy: Policy,
    ) -> Result<(), KernelError> {
        let refused = |status, reason| KernelError::Swap { agent: launch.name.to_string(), status, reason };
        let begun =
            (self.imager)(launch).map_err(|reason| refused(Status::Invalid, reason)).and_then(|image| {
                let wake = self.runtime.swap(&mut self.core, agent, image, policy);
                wake.map_err(|status| refused(status, status.meaning().to_string()))
            });
        match begun {
            Ok(wake) => {
                if wake == Wake::Ready {
                    self.core.shard.wake(agent, Boost::None);
                }
                Ok(())
            }
            Err(error) => {
                self.core.exchange_dropped(agent);
                Err(error)
            }
        }
    }

    /// As [`Kernel::begin_swap`], for a caller that has gone on: what goes wrong stands in the log.
    pub(super) fn begin_queued_swap(&mut self, agent: AgentId, launch: &Launch, policy: Policy) {
        if let Err(error) = self.begin_swap(agent, launch, policy) {
            self.core.record(Stream::Log, Some(agent), LogLevel::Warning, &alloc::format!("{error}"));
        }
    }
}
