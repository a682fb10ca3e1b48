// Where a program's processor time goes, without privileges: preloaded into it (LD_PRELOAD), takes
// a back trace at each tick of processor time that the process has used, in whichever thread used
// it. Time in the kernel shows at the call that went there.
//
// With TANDEM_SAMPLES=FOLDER writes FOLDER/<pid>.maps (a copy of /proc/self/maps) and
// FOLDER/<pid>.samples: of each sample the monotonic clock in ns, the number of frames, and the
// frames, innermost first, as 64-bit words.
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

constexpr int kFramesMax = 60;
constexpr int kHandlerFrames = 2;  // on_tick and the kernel's return from it
constexpr int kIntervalUs = 1000;  // the kernel rounds it up to its tick

int samples = -1;

void on_tick(int) {
    const int kept_errno = errno;
    std::array<void*, kFramesMax> frames;
    const int count = backtrace(frames.data(), kFramesMax) - kHandlerFrames;
    if (count > 0) {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        std::array<uint64_t, kFramesMax + 2> record;
        record[0] = uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
        record[1] = uint64_t(count);
        for (int i = 0; i < count; ++i) {
            record[size_t(i) + 2] = reinterpret_cast<uint64_t>(frames[size_t(i) + kHandlerFrames]);
        }
        // One write of an O_APPEND file, so threads do not mix.
        (void)!write(samples, record.data(), (size_t(count) + 2) * sizeof(uint64_t));
    }
    errno = kept_errno;
}

void copy_maps(const std::string& path) {
    const int from = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    const int to = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = read(from, buffer.data(), buffer.size())) > 0;) {
        (void)!write(to, buffer.data(), size_t(got));
    }
    close(from);
    close(to);
}

[[gnu::constructor]] void start() {
    const char* folder = std::getenv("TANDEM_SAMPLES");
    if (folder == nullptr) return;
    const std::string stem = std::string(folder) + "/" + std::to_string(getpid());
    samples = open((stem + ".samples").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                   0600);
    if (samples < 0) return;
    copy_maps(stem + ".maps");
    std::array<void*, 4> first;
    backtrace(first.data(), 4);  // loads the unwinder now, as a handler may not allocate
    struct sigaction action {};
    action.sa_handler = on_tick;
    action.sa_flags = SA_RESTART;
    sigaction(SIGPROF, &action, nullptr);
    const itimerval interval{{0, kIntervalUs}, {0, kIntervalUs}};
    setitimer(ITIMER_PROF, &interval, nullptr);
}

}  // namespace
