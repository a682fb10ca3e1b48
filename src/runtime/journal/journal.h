// The journal of a node (ports::kJournal): structured log lines and HEP copies of SIP messages.
// Writing never blocks a shard: lines wait in a bounded queue for a thread of their own, and what
// does not fit is counted and said later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/journal/line_format.h"

namespace tandem::runtime {

struct JournalConfig {
    std::string file;  // empty: stderr
    JournalFormat format = JournalFormat::Logfmt;
    std::string level = "info";  // trace, debug, info, warn, error
    uint16_t node = 0;
    std::optional<SocketAddress> hep_collector;
    uint32_t hep_capture_id = 0;
    std::string hep_password;
};

class Journal {
 public:
    static Result<std::unique_ptr<Journal>> open(const JournalConfig& config);
    ~Journal();

    // From any thread. `from` is the instance that speaks, 0 for the node itself.
    void write(const ports::LogLine& line, ports::Instance from = {});
    void trace(const ports::SipTrace& trace);
    // A letter to kJournal: LogLine, SipTrace, LogLevelSet.
    void handle(const ports::Letter& letter);
    Result<void> set_level(const std::string& level);
    void set_hep_collector(std::optional<SocketAddress> collector);
    void flush();
    uint64_t dropped() const;

 private:
    explicit Journal(const JournalConfig& config);
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
