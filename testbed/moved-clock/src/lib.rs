//! A library for `LD_PRELOAD`: programs ask it for the time of day in place of the C library, and get that of the kernel and the
//! seconds on top that stand in the file of `MOVED_CLOCK` (eight bytes, a signed number in the processor's order). The file is mapped,
//! so what is written to it holds at once.
//!
//! Monotonic clocks are left alone, as they are when an administrator sets the time: nobody waits longer by it.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use libc::{c_int, c_long, c_void, clockid_t, time_t, timespec, timeval};

static SECONDS: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());

/// As clock_gettime(2).
///
/// # Safety
/// As there: `time` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: what the caller has promised. Not the C library's function, whose place this one takes.
    let result = unsafe { system(libc::SYS_clock_gettime, [clock.into(), time as c_long, 0, 0, 0, 0]) };
    if result == 0 && (clock == libc::CLOCK_REALTIME || clock == libc::CLOCK_REALTIME_COARSE) {
        // SAFETY: the kernel has written there.
        unsafe { (*time).tv_sec += seconds() };
    }
    result as c_int
}

/// As gettimeofday(2).
///
/// # Safety
/// As there: `time` is null or can be written to; the zone is not used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut c_void) -> c_int {
    let now = now();
    if !time.is_null() {
        // SAFETY: what the caller has promised.
        unsafe { *time = timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 } };
    }
    0
}

/// As time(2).
///
/// # Safety
/// As there: `time` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut time_t) -> time_t {
    let now = now().tv_sec;
    if !time.is_null() {
        // SAFETY: what the caller has promised.
        unsafe { *time = now };
    }
    now
}

fn now() -> timespec {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it is written to `now`.
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now
}

fn seconds() -> i64 {
    let mut seconds = SECONDS.load(Ordering::Acquire);
    if seconds.is_null() {
        seconds = map();
        SECONDS.store(seconds, Ordering::Release);
    }
    // SAFETY: null, or the file's mapping, which stays.
    unsafe { seconds.as_ref() }.map_or(0, |seconds| seconds.load(Ordering::Relaxed))
}

/// Maps the file; null if there is none. Two threads at once map it twice, which does no harm. Nothing here may allocate, for an
/// allocator may ask for the time.
fn map() -> *mut AtomicI64 {
    // SAFETY: calls of the system with addresses that hold; the name's is null or a string of the environment.
    unsafe {
        let name = libc::getenv(c"MOVED_CLOCK".as_ptr());
        if name.is_null() {
            return null_mut();
        }
        let file = system(
            libc::SYS_openat,
            [libc::AT_FDCWD.into(), name as c_long, (libc::O_RDONLY | libc::O_CLOEXEC).into(), 0, 0, 0],
        );
        if file < 0 {
            return null_mut();
        }
        let size = size_of::<AtomicI64>() as c_long;
        let map = system(libc::SYS_mmap, [0, size, libc::PROT_READ.into(), libc::MAP_SHARED.into(), file, 0]);
        system(libc::SYS_close, [file, 0, 0, 0, 0, 0]);
        if map < 0 { null_mut() } else { map as *mut AtomicI64 }
    }
}

/// A call of the system. Each argument is as wide as the kernel reads it.
///
/// # Safety
/// What the call asks for.
unsafe fn system(call: c_long, [a, b, c, d, e, f]: [c_long; 6]) -> c_long {
    // SAFETY: what the caller has promised.
    unsafe { libc::syscall(call, a, b, c, d, e, f) }
}
