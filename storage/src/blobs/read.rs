//! Reading a blob, chunk by chunk: nothing of a chunk is handed out before all of it was checked.

use super::{
    BlobError, BlobId, CHUNK_BYTES, HEAD_BYTES, MAGIC, Salt,
    seal::{Master, Piece, Sealer},
};
use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

/// An open blob. It reads as its content; an error of the kind `InvalidData` holds a [`BlobError`].
pub struct Blob {
    id: BlobId,
    path: PathBuf,
    file: File,
    sealer: Sealer,
    len: u64,
    chunks: u64,
    /// The next chunk.
    next: u64,
    /// The one that is being handed out, and how far.
    chunk: Vec<u8>,
    given: usize,
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blob").field("id", &self.id).finish()
    }
}

impl Blob {
    /// Opens a file that is to hold this blob, or whichever it names.
    pub(super) fn open(
        path: PathBuf,
        master: &Master,
        wanted: Option<BlobId>,
    ) -> Result<Blob, BlobError> {
        let failed = |source: io::Error| match (source.kind(), wanted) {
            (io::ErrorKind::NotFound, Some(id)) => BlobError::Missing { id },
            _ => BlobError::Io {
                path: path.clone(),
                source,
            },
        };
        let not_a_blob = || BlobError::NotABlob { path: path.clone() };
        // Asked by name first: merely opening a pipe can wait for ever.
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(not_a_blob());
        }
        let mut file = File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let altered = |at| match wanted {
            Some(id) => BlobError::Altered {
                id,
                path: path.clone(),
                at,
            },
            None => not_a_blob(),
        };
        let mut magic = [0; MAGIC.len()];
        let mut salt: Salt = [0; size_of::<Salt>()];
        let read = file.read_exact(&mut magic);
        let read = read.and_then(|()| file.read_exact(&mut salt));
        let sealer = master.sealer(&salt);
        let mut id = vec![0; blake3::OUT_LEN.saturating_add(sealer.seal_bytes())];
        match read.and_then(|()| file.read_exact(&mut id)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(altered(0)),
            read => read.map_err(failed)?,
        }
        if magic != *MAGIC || !sealer.unseal(Piece::Id, &mut id) {
            return Err(not_a_blob());
        }
        let id = id.try_into().map(BlobId).map_err(|_| not_a_blob())?;
        if wanted.is_some_and(|wanted| wanted != id) {
            return Err(altered(0));
        }
        let seal_bytes = sealer.seal_bytes() as u64;
        let content = bytes.saturating_sub(HEAD_BYTES.saturating_add(seal_bytes));
        let chunks = content.div_ceil((CHUNK_BYTES as u64).saturating_add(seal_bytes));
        Ok(Blob {
            id,
            path,
            file,
            len: content.saturating_sub(chunks.saturating_mul(seal_bytes)),
            sealer,
            // The content of none is a chunk of no bytes.
            chunks: chunks.max(1),
            next: 0,
            chunk: Vec::new(),
            given: 0,
        })
    }

    /// Which blob it is.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// How many bytes its content has, as far as its file's length tells.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn fill(&mut self) -> Result<(), BlobError> {
        let seal_bytes = self.sealer.seal_bytes();
        let stride = CHUNK_BYTES.saturating_add(seal_bytes) as u64;
        self.chunk.clear();
        self.given = 0;
        let read = (&mut self.file).take(stride).read_to_end(&mut self.chunk);
        read.map_err(|source| BlobError::Io {
            path: self.path.clone(),
            source,
        })?;
        let piece = Piece::Chunk {
            at: self.next,
            last: self.next.saturating_add(1) == self.chunks,
        };
        if !self.sealer.unseal(piece, &mut self.chunk) {
            self.chunk.clear();
            let head = HEAD_BYTES.saturating_add(seal_bytes as u64);
            return Err(BlobError::Altered {
                id: self.id,
                path: self.path.clone(),
                at: head.saturating_add(self.next.saturating_mul(stride)),
            });
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}

impl Read for Blob {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.chunk.len() && self.next < self.chunks {
            self.fill()?;
        }
        let left = self.chunk.get(self.given..).unwrap_or_default();
        let given = left.len().min(out.len());
        out.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        self.given = self.given.saturating_add(given);
        Ok(given)
    }
}
