//! The memory allocator of the binary.

/// Millions of small buffers a minute, freed on other threads than those that made them: the C library's
/// allocator took a sixth of ingest's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 (`mi_option_e` in `mimalloc.h`), milliseconds.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Freed pages are given back after this time (and those of whole arenas after ten times as long) instead of after 10 ms: under
/// load the same pages are wanted again at once, and the kernel would clear them anew each time.
const KEEP_MS: std::ffi::c_long = 500;

/// Sets how long freed pages are kept; `MIMALLOC_PURGE_DELAY` in the environment has its way.
#[allow(unsafe_code)]
pub(crate) fn keep_freed_pages() {
    // SAFETY: sets one number of the allocator; it is called at the start of `main`, before there are other threads.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEEP_MS) }
}
