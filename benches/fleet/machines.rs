//! The simulated machines: what each address answers, and the journal of what was asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fake_miner;

/// The fixtures that answer, by address: a fleet as it grows together over years.
const MIX: [&str; 16] = [
    STOCK,
    "whatsminer-unknown-v1-20210322",
    "antminer-s21-stock-2024.07-chainpower",
    "braiins-s9-22.08-4028",
    STOCK,
    "whatsminer-unknown-v2-20230803-handmade",
    "avalon-1566-24102401",
    WITH_PAGE,
    STOCK,
    "whatsminer-unknown-v1-20210322",
    "luxos-s19kpro-2025.4.8",
    "braiins-s9-22.08-4028",
    STOCK,
    "whatsminer-unknown-v2-20230803-handmade",
    "antminer-s21pro-vnish-1.2.7",
    "antminer-s19-mskminer-2.6.0.39",
];
const STOCK: &str = "antminer-s19pro-stock-2022.12";
/// Has the page of its power on port 6060. The other machines refuse that port.
const WITH_PAGE: &str = "antminer-s21-stock-2024.07-minerpower";

pub fn has_page(machine: usize) -> bool {
    MIX[machine % MIX.len()] == WITH_PAGE
}

/// What was asked, and how it is answered.
#[derive(Serialize, Deserialize)]
pub struct Question {
    pub port: u16,
    pub request: String,
    pub reply_bytes: usize,
}

/// Connections of all machines, in order.
#[derive(Default, Serialize, Deserialize)]
pub struct Journal {
    pub questions: Vec<Question>,
    /// Index of the machine, and of the question.
    pub asked: Vec<(u32, u32)>,
}

/// All machines. Replies are made once for each kind of machine and question.
pub struct Machines {
    folders: Vec<(PathBuf, Value)>,
    known: HashMap<(usize, String), u32>,
    /// In the order of the questions.
    replies: Vec<Rc<[u8]>>,
    pub journal: Journal,
    pub recording: bool,
}

impl Machines {
    pub fn new() -> Self {
        let folder = |name: &&str| {
            let folder = fake_miner::fixtures().join(name);
            let caps = fake_miner::json(&folder.join("caps.json"));
            (folder, caps)
        };
        let folders = MIX.iter().map(folder).collect();
        Self {
            folders,
            known: HashMap::new(),
            replies: Vec::new(),
            journal: Journal::default(),
            recording: false,
        }
    }

    /// The bytes that `machine` sends back; `None` if this is no question.
    pub fn answer(&mut self, machine: usize, port: u16, request: &str) -> Option<Rc<[u8]>> {
        // The same folder stands for several kinds, which costs a few replies more.
        let kind = (machine % self.folders.len(), request.to_owned());
        let index = match self.known.get(&kind) {
            Some(index) => *index,
            None => {
                let (folder, caps) = &self.folders[kind.0];
                let reply: Rc<[u8]> = match request.starts_with("GET ") {
                    true => fake_miner::web::power_page(folder, caps).into(),
                    false => fake_miner::api_answer(folder, caps, request)?.into(),
                };
                let (request, reply_bytes) = (request.to_owned(), reply.len());
                let index = self.replies.len() as u32;
                self.replies.push(reply);
                self.journal.questions.push(Question { port, request, reply_bytes });
                self.known.insert(kind, index);
                index
            }
        };
        if self.recording {
            self.journal.asked.push((machine as u32, index));
        }
        self.replies.get(index as usize).cloned()
    }
}
