#include "runtime/journal/journal.h"

#include <spdlog/async.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "runtime/journal/hep.h"
#include "runtime/journal/limits.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

namespace {

constexpr std::pair<std::string_view, spdlog::level::level_enum> kLevels[] = {
    {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},   {"error", spdlog::level::err},
};

Result<spdlog::level::level_enum> level_of(std::string_view name) {
    for (const auto& [known, level] : kLevels) {
        if (known == name) return level;
    }
    return make_error(ErrorCode::OutOfRange, "level", "trace, debug, info, warn or error expected");
}

spdlog::level::level_enum level_of(ports::LogLine::Level level) {
    switch (level) {
        case ports::LogLine::Level::Debug:
            return spdlog::level::debug;
        case ports::LogLine::Level::Info:
            return spdlog::level::info;
        case ports::LogLine::Level::Warn:
            return spdlog::level::warn;
        case ports::LogLine::Level::Error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

spdlog::sink_ptr sink_for(const std::string& file) {
    if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file, journal_file_bytes_max,
                                                                  journal_files_max);
}

}  // namespace

struct Journal::State {
    JournalConfig config;
    std::shared_ptr<spdlog::details::thread_pool> pool =
        std::make_shared<spdlog::details::thread_pool>(journal_lines_max, 1);
    std::shared_ptr<spdlog::async_logger> logger;
    std::atomic<uint64_t> traces_lost{0};
    std::mutex collector_mutex;
    UniqueFd collector;  // a connected UDP socket

    void connect_collector(const std::optional<SocketAddress>& address);
};

void Journal::State::connect_collector(const std::optional<SocketAddress>& address) {
    UniqueFd made;
    if (address) {
        const NativeAddress native(*address);
        made = UniqueFd(socket(native.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (made) (void)::connect(made.get(), native.get(), native.size);
    }
    const std::lock_guard lock(collector_mutex);
    collector = std::move(made);
}

Journal::Journal(const JournalConfig& config) : state_(std::make_unique<State>()) {
    state_->config = config;
}

Result<std::unique_ptr<Journal>> Journal::open(const JournalConfig& config) {
    const auto level = TRY(level_of(config.level));
    auto journal = std::unique_ptr<Journal>(new Journal(config));
    State& state = *journal->state_;
    try {
        // A full queue loses its oldest lines, and spdlog counts them.
        state.logger =
            std::make_shared<spdlog::async_logger>("tandem", sink_for(config.file), state.pool,
                                                   spdlog::async_overflow_policy::overrun_oldest);
    } catch (const spdlog::spdlog_ex& error) {
        return make_error(ErrorCode::Unavailable, "file", error.what());
    }
    state.logger->set_pattern("%v");
    state.logger->set_level(level);
    state.logger->flush_on(spdlog::level::warn);
    state.connect_collector(config.hep_collector);
    return journal;
}

Journal::~Journal() {
    if (state_->logger) state_->logger->flush();
}

void Journal::write(const ports::LogLine& line, ports::Instance from) {
    const auto level = level_of(line.level);
    if (!state_->logger->should_log(level)) return;
    const std::string text =
        journal_line(line, read_clocks().utc, state_->config.node, from, state_->config.format);
    state_->logger->log(level, spdlog::string_view_t(text.data(), text.size()));
}

void Journal::trace(const ports::SipTrace& trace) {
    const std::lock_guard lock(state_->collector_mutex);
    if (!state_->collector) return;
    const HepSettings settings{state_->config.hep_capture_id, state_->config.hep_password,
                               "tandem-" + std::to_string(state_->config.node)};
    const std::string packet = hep_packet(trace, settings);
    const ssize_t sent =
        ::send(state_->collector.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) state_->traces_lost.fetch_add(1, std::memory_order_relaxed);
}

void Journal::handle(const ports::Letter& letter) {
    if (const auto* line = get_if<ports::LogLine>(&letter.payload)) {
        write(*line, letter.from);
    } else if (const auto* sip = get_if<ports::SipTrace>(&letter.payload)) {
        trace(*sip);
    } else if (const auto* level = get_if<ports::LogLevelSet>(&letter.payload)) {
        // An unknown level was refused where it was asked for; here the old one stays.
        (void)set_level(level->level);
    }
}

Result<void> Journal::set_level(const std::string& level) {
    state_->logger->set_level(TRY(level_of(level)));
    return {};
}

void Journal::set_hep_collector(std::optional<SocketAddress> collector) {
    state_->connect_collector(collector);
}

void Journal::flush() {
    state_->logger->flush();
}

uint64_t Journal::dropped() const {
    return state_->pool->overrun_counter() + state_->traces_lost.load(std::memory_order_relaxed);
}

}  // namespace tandem::runtime
