//! The bytes of a file, of which a copy costs next to nothing: images are made by the hundred thousand.

use std::sync::Arc;

pub const PAGE: usize = 4_096;

/// Pages that copies share until one of them writes. Where there is none, there are zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
    len: usize,
}

impl Pages {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Fills `out` from `at` on; `false` where the file ends before.
    pub fn read(&self, at: usize, out: &mut [u8]) -> bool {
        let there = at.checked_add(out.len()).is_some_and(|end| end <= self.len);
        if there {
            let mut done = 0;
            while done < out.len() {
                let (page, within) = ((at + done) / PAGE, (at + done) % PAGE);
                let part = (PAGE - within).min(out.len() - done);
                let to = &mut out[done..done + part];
                match &self.pages[page] {
                    Some(page) => to.copy_from_slice(&page[within..within + part]),
                    None => to.fill(0),
                }
                done += part;
            }
        }
        there
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        self.set_len(self.len.max(at + bytes.len()));
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = ((at + done) / PAGE, (at + done) % PAGE);
            let part = (PAGE - within).min(bytes.len() - done);
            let page = self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE]));
            let from = &bytes[done..done + part];
            Arc::make_mut(page)[within..within + part].copy_from_slice(from);
            done += part;
        }
    }

    pub fn set_len(&mut self, len: usize) {
        self.pages.resize(len.div_ceil(PAGE), None);
        if let Some(Some(page)) = self.pages.last_mut()
            && !len.is_multiple_of(PAGE)
            && len < self.len
        {
            Arc::make_mut(page)[len % PAGE..].fill(0);
        }
        self.len = len;
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        assert!(self.read(0, &mut bytes));
        bytes
    }
}

impl From<Vec<u8>> for Pages {
    fn from(bytes: Vec<u8>) -> Self {
        let mut pages = Pages::default();
        pages.write(0, &bytes);
        pages
    }
}

#[test]
fn pages_are_a_file() {
    let mut rng = anabranch_core::sim::Rng::new(7);
    let (mut pages, mut plain) = (Pages::default(), Vec::<u8>::new());
    for _ in 0..300 {
        let (at, len) = (rng.below(20_000), rng.below(9_000));
        match rng.one_in(4) {
            true => {
                pages.set_len(at);
                plain.resize(at, 0);
            }
            false => {
                let byte = rng.below(256) as u8;
                pages.write(at, &vec![byte; len]);
                plain.resize(plain.len().max(at + len), 0);
                plain[at..at + len].fill(byte);
            }
        }
        assert_eq!(pages.to_vec(), plain);
        assert_eq!(Pages::from(plain.clone()).to_vec(), plain);
        assert!(!pages.read(pages.len(), &mut [0]));
    }
}
