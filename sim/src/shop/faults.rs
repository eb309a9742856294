//! What can befall a service: one property of it changes.

use super::build::Shop;

/// Faults of public data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Its processor is taken by others: all own work is slower.
    Cpu,
    /// Its memory is nearly full: it collects garbage, and now and then is killed.
    Memory,
    /// Its disk is busy: own work and its store are slower where they write.
    Disk,
    /// No sockets are left: connections to it wait or are refused.
    Socket,
    /// Every packet that leaves it is late.
    Delay,
    /// Packets that come or go are lost, and sent again after a while.
    Loss,
    /// An operation returns before its work is done.
    Return,
    /// An operation throws.
    Exception,
    /// An operation throws, catches it, and answers with nothing.
    Swallowed,
    /// An operation does not make one of its calls.
    MissingCall,
    /// An operation sends one of its callees nonsense.
    WrongParameter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 11] = [
        Fault::Cpu,
        Fault::Memory,
        Fault::Disk,
        Fault::Socket,
        Fault::Delay,
        Fault::Loss,
        Fault::Return,
        Fault::Exception,
        Fault::Swallowed,
        Fault::MissingCall,
        Fault::WrongParameter,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Cpu => "cpu",
            Fault::Memory => "memory",
            Fault::Disk => "disk",
            Fault::Socket => "socket",
            Fault::Delay => "delay",
            Fault::Loss => "loss",
            Fault::Return => "return",
            Fault::Exception => "exception",
            Fault::Swallowed => "swallowed",
            Fault::MissingCall => "missing_call",
            Fault::WrongParameter => "wrong_parameter",
        }
    }
}

/// A fault in a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trouble {
    /// What.
    pub fault: Fault,
    /// Where.
    pub service: usize,
    /// In which operation, for faults of the code.
    pub operation: usize,
    /// In which of its calls, for faults of calls.
    pub call: usize,
    /// How strong, about 1.
    pub strength: f64,
}

impl Trouble {
    /// Draws where a fault happens: somewhere that requests come by.
    pub(super) fn draw(shop: &Shop, fault: Fault, strength: f64) -> Self {
        let mut dice = shop.chance.of(&format!("trouble/{}", fault.name()));
        let calls = matches!(fault, Fault::MissingCall | Fault::WrongParameter);
        let busy = busy(shop);
        let fits: Vec<usize> = (0..shop.operations.len())
            .filter(|n| busy[*n] > 0.08)
            .filter(|n| shop.services[shop.operations[*n].service].traced)
            .filter(|n| !calls || !shop.operations[*n].calls.is_empty())
            // What calls nobody and writes nothing cannot return too early.
            .filter(|n| {
                fault != Fault::Return
                    || !shop.operations[*n].calls.is_empty()
                    || shop.operations[*n].lines.len() > 1
            })
            .collect();
        let operation = if fits.is_empty() {
            0
        } else {
            *dice.pick(&fits)
        };
        let of = &shop.operations[operation];
        Trouble {
            fault,
            service: of.service,
            operation,
            call: dice.between(0, (of.calls.len() as i64 - 1).max(0)) as usize,
            strength: strength * (0.6 + 0.9 * dice.unit()),
        }
    }
}

/// How many times each operation runs in a request, on average.
fn busy(shop: &Shop) -> Vec<f64> {
    let mut often = vec![0.0; shop.operations.len()];
    for (entry, share) in &shop.entries {
        often[*entry] += share;
    }
    let mut order: Vec<usize> = (0..often.len()).collect();
    order.sort_by_key(|n| shop.services[shop.operations[*n].service].layer);
    for n in order {
        for call in &shop.operations[n].calls {
            let times = (call.times.0 + call.times.1) as f64 / 2.0;
            often[call.to] += often[n] * call.chance * times;
        }
    }
    often
}
