//! Every bound of the crate, in one place, each with its reason. Units stand last in the names.

/// Largest payload of one change set. A paste of 200,000 characters fits; what an engine does with
/// a larger one is not bounded by any of the scans.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 10;
/// What sealing a payload under a workspace key may add to it: a synthetic value of 32 bytes, an
/// authentication tag of 16, and one byte that says how the plaintext is packed.
pub const SEALED_BYTES_ADDED_MAX: usize = 49;
/// Largest encoded header: room for [`DEPS_MAX`] dependencies of 82 bytes, every route and the
/// extension at their bounds, so that no header that keeps the other bounds is refused for this one.
pub const HEADER_BYTES_MAX: usize = 96 << 10;
/// Largest extension area that is hashed and kept for readers that do not know it.
pub const EXTENSION_BYTES_MAX: usize = 4 << 10;
/// Most dependencies one change set names: its frontier beside its own chain. A replica that saw
/// 500 peers write at once and then writes itself stays below.
pub const DEPS_MAX: usize = 1_024;
/// Most route values of one change set.
pub const ROUTES_MAX: usize = 16;
/// Longest route value.
pub const ROUTE_BYTES_MAX: usize = 256;
/// Most change sets under one flush signature: a Merkle path of at most 9 hashes.
pub const FLUSH_CHANGE_SETS_MAX: usize = 512;
/// Hashes in the longest Merkle path (2^9 = 512 leaves).
pub const MERKLE_PATH_MAX: usize = 9;
/// Flushes that one cache remembers as verified: a link interleaves the flushes of few origins.
pub const FLUSHES_REMEMBERED_MAX: usize = 64;
/// How far a received stamp may raise the local clock above the wall clock.
pub const CLOCK_RAISE_MS_MAX: u64 = 60_000;
/// Largest frame on a link, and the largest that zstd may unpack to.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Below this a frame is not compressed: zstd's own header would eat the gain.
pub const COMPRESS_BYTES_MIN: usize = 256;
/// Longest part, kind or field name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Deepest nesting of a value, a record's map or a body's type.
pub const DEPTH_MAX: usize = 64;
/// Most engine operations one change carries; a run-length column can claim millions in 80 bytes.
pub const CHANGE_OPS_MAX: usize = 65_536;
/// Most blocks in one Yrs update: legal but quadratic in the engine (12,000 splits took 46 ms).
pub const UPDATE_BLOCKS_MAX: usize = 4_096;
/// Most delete ranges in one Yrs update (60,000 scattered deletes took 258 ms).
pub const UPDATE_RANGES_MAX: usize = 4_096;
/// Most entries of a list, set or open map in a record, judged in the causal past.
pub const ENTRIES_MAX: usize = 512;
/// Most UTF-16 units of a short text in a record, judged in the causal past.
pub const TEXT_UNITS_MAX: usize = 5_000;
/// Longest scalar string or byte string in a record.
pub const SCALAR_BYTES_MAX: usize = 64 << 10;
/// Most operations of one record change: a text of the longest kind replaced whole takes 10,000. The
/// gate keeps 24 bytes for each, and what judging one change allocates stays below 1 MiB.
pub const RECORD_OPS_MAX: usize = 12_288;
/// Most keys that one record change writes, and most groups and entries it makes: what the gate keeps
/// of each is larger than of a plain operation.
pub const RECORD_KEYS_MAX: usize = 4_096;
/// See [`RECORD_KEYS_MAX`].
pub const RECORD_FRESH_MAX: usize = 1_024;
/// Most that the steps of one counter may add up to, signs left out, in a causal past: with every
/// chain at this bound the sum over [`CHAINS_MAX`] chains still fits an `i64`.
pub const COUNTER_STEPS_MAX: u64 = 1 << 46;
/// Largest Automerge operation counter; above it local edits would overflow the engine.
pub const OP_COUNTER_MAX: u64 = (1 << 31) - 1;
/// Largest Yrs clock, the range in which every Yjs client computes exactly.
pub const CLOCK_MAX: u32 = (1 << 31) - 1;
/// Change sets parked in one document's causal buffer.
pub const PARKED_MAX: usize = 4_096;
/// Bytes parked in one document's causal buffer.
pub const PARKED_BYTES_MAX: usize = 4 << 20;
/// Largest schema text.
pub const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// Most fields of a schema, nested ones counted.
pub const SCHEMA_FIELDS_MAX: usize = 512;
/// Largest canonical form of a schema. What it prints as stays well below [`SCHEMA_BYTES_MAX`], so
/// every schema that is accepted can be shown and parsed again.
pub const SCHEMA_ENCODED_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of `map` fields in a schema: decoding and judging walk it by recursion.
pub const SCHEMA_DEPTH_MAX: usize = 16;
/// Most parts of a schema: each is a document of every entity.
pub const SCHEMA_PARTS_MAX: usize = 32;
/// Most words of one choice.
pub const SCHEMA_CHOICES_MAX: usize = 256;
/// Longest `about` line, in bytes.
pub const SCHEMA_ABOUT_BYTES_MAX: usize = 512;
/// Most errors reported of one schema text; the rest are counted.
pub const SCHEMA_ERRORS_MAX: usize = 64;
/// Most schemas of one workspace, all kinds and versions counted.
pub const SCHEMA_LOG_MAX: usize = 4_096;
/// Largest control record.
pub const CONTROL_BYTES_MAX: usize = 256 << 10;
/// Most chains in the past of a chain's first change set: one per device, incarnation and window that
/// ever wrote the document. Concurrency can overshoot it, as any bound in the causal past.
pub const CHAINS_MAX: usize = 65_536;
/// Edits of one view that follow each other within this are one step of undo.
pub const UNDO_STEP_MS: u64 = 500;
/// Steps that a view of a record can take back; the oldest are forgotten.
pub const UNDO_STEPS_MAX: usize = 512;
/// Most change sets in one frame of the wire form: a whole flush.
pub const FRAME_CHANGE_SETS_MAX: usize = FLUSH_CHANGE_SETS_MAX;
/// Most dependencies that the change sets of one frame may name together, implied ones counted.
pub const FRAME_DEPS_MAX: usize = 16 << 10;
/// Most engine operations that one frame may expand to: what a frame costs the reader is bounded.
pub const FRAME_OPS_MAX: usize = 4 * CHANGE_OPS_MAX;
/// Most payload bytes that one frame may be rebuilt to.
pub const FRAME_REBUILT_BYTES_MAX: usize = 4 << 20;
/// Most a packed frame may unpack to, beside [`FRAME_BYTES_MAX`]: this and 16 times its length.
pub const FRAME_UNPACKED_FREE_BYTES: usize = 64 << 10;
/// Most documents in the context of one stream's direction; past it the context begins anew.
pub const STREAM_DOCUMENTS_MAX: usize = 2_048;
/// Most writers (a chain in a document) in the context of one stream's direction.
pub const STREAM_WRITERS_MAX: usize = 4_096;
/// Most change sets whose ids the context of one stream's direction remembers, newest kept.
pub const STREAM_KNOWN_MAX: usize = 4_096;
/// Most clients, actors, objects, keys and registers that the context of one stream's direction
/// holds for all its documents together: about 3 MiB.
pub const STREAM_ENTRIES_MAX: usize = 32 << 10;
/// Most entries of each interning table of a stream.
pub const STREAM_POOL_MAX: usize = 2_048;
/// Bytes of unsaved work at which new edits are refused: what waits is kept in memory until it is
/// durable.
pub const UNSAVED_BYTES_MAX: usize = 64 << 20;
/// First wait before a commit that failed is tried again, in milliseconds; it doubles.
pub const RETRY_MS: u64 = 100;
/// How often the wait doubles: at most 6.4 s.
pub const RETRY_DOUBLINGS_MAX: u32 = 6;
/// Most documents that stand open at once, if nothing holds them open: an engine takes 7 to 18 KiB for
/// a small one.
pub const OPEN_DOCUMENTS_MAX: usize = 512;
/// Rows since the last derivation at which the next one is due. Opening after a crash reads them again.
pub const DERIVE_ROWS: u64 = 16 << 10;
/// Rows since the last derivation below which closing makes none.
pub const DERIVE_CLOSE_ROWS: u64 = 64;
/// Size at which a piece of the directory is cut, in bytes.
pub const SEGMENT_BYTES: usize = 1 << 20;
/// Derivations after which the directory is written anew in one piece: what opening reads stays in
/// proportion to what there is, and what is written is an eighth of it each time.
pub const SEGMENTS_MAX: u32 = 8;
/// Most documents that one output asks to be loaded.
pub const LOAD_DOCUMENTS_MAX: usize = 64;
/// Wait before a derivation that failed is made again, in milliseconds.
pub const DERIVE_RETRY_MS: u64 = 10_000;
/// Bytes of the journal that opening reads at a time.
pub const OPEN_PAGE_BYTES: usize = 4 << 20;
/// Most documents of which an import takes change sets in at a time.
pub const IMPORT_DOCUMENTS: usize = 256;
/// Most bytes of a body's text, and of the addresses it links to, that a projection holds: lists show
/// a few lines, and a query that looks into texts reads those of every entity, 80 MiB of 10,000 pages.
pub const PROJECTION_TEXT_BYTES_MAX: usize = 8 << 10;
/// Most entities that a projection holds as linked to by one part: twice the entries of a list of
/// links at its bound. More stand only in long logs and bodies.
pub const PROJECTION_LINKS_MAX: usize = 2 * ENTRIES_MAX;
/// How much of a text counts where rows are ordered by it: texts that agree so far are ordered by
/// their entities, and the end of a page, which holds as much, still fits into an address.
pub const QUERY_KEY_BYTES_MAX: usize = 256;
/// Fewest rows that a watch with a limit holds beyond it: after so many left a short list, all rows are
/// looked at again.
pub const WATCH_BEYOND_ROWS_MIN: usize = 64;
/// Most changes of an observed document over which an edit's positions can be carried: more than an
/// observer's queue holds.
pub const RECENT_CHANGES_MAX: usize = 2_048;
