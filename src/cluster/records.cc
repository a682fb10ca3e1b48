#include "cluster/records.h"

#include <charconv>
#include <concepts>
#include <utility>

namespace tandem::cluster {
namespace {

// Words and numbers, parted by single separators.
class TextCursor {
 public:
    explicit TextCursor(std::string_view text) : rest_(text) {}

    bool word(std::string_view expected) {
        if (!rest_.starts_with(expected)) return false;
        rest_.remove_prefix(expected.size());
        return true;
    }
    template <std::integral T>
    bool number(T& out) {
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
        if (error != std::errc()) return false;
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        return true;
    }
    bool at_end() const { return rest_.empty(); }

 private:
    std::string_view rest_;
};

template <std::integral T>
void append(std::string& out, std::string_view word, T number) {
    out.append(word).append(std::to_string(number));
}

}  // namespace

std::string to_text(const FenceRecord& record) {
    std::string out;
    if (record.state == FenceRecord::State::Fenced) {
        append(out, "fenced ", record.epoch);
        append(out, " by ", record.by.value);
        return out;
    }
    append(out, "open ", record.epoch);
    append(out, " node ", record.home.shard.node.value);
    append(out, " shard ", record.home.shard.shard);
    append(out, " run ", record.home.run);
    return out;
}

std::optional<FenceRecord> parse_fence(std::string_view text) {
    TextCursor in(text);
    FenceRecord record;
    if (in.word("fenced ")) {
        record.state = FenceRecord::State::Fenced;
        const bool good = in.number(record.epoch) && in.word(" by ") && in.number(record.by.value);
        return good && in.at_end() ? std::optional(record) : std::nullopt;
    }
    const bool good = in.word("open ") && in.number(record.epoch) && in.word(" node ") &&
                      in.number(record.home.shard.node.value) && in.word(" shard ") &&
                      in.number(record.home.shard.shard) && in.word(" run ") &&
                      in.number(record.home.run);
    return good && in.at_end() ? std::optional(record) : std::nullopt;
}

std::string to_text(const LeaderRecord& record) {
    const bool released = record.state == LeaderRecord::State::Released;
    std::string out;
    append(out, released ? "released " : "active ", record.epoch);
    append(out, " instance ", record.holder.instance.value);
    append(out, "/", record.holder.epoch);
    append(out, " since ", record.since.unix_ms);
    if (released) append(out, " next ", record.next.value);
    return out;
}

std::optional<LeaderRecord> parse_leader(std::string_view text) {
    TextCursor in(text);
    LeaderRecord record;
    if (in.word("released "))
        record.state = LeaderRecord::State::Released;
    else if (!in.word("active "))
        return std::nullopt;
    const bool good = in.number(record.epoch) && in.word(" instance ") &&
                      in.number(record.holder.instance.value) && in.word("/") &&
                      in.number(record.holder.epoch) && in.word(" since ") &&
                      in.number(record.since.unix_ms);
    if (!good) return std::nullopt;
    if (record.state == LeaderRecord::State::Released &&
        !(in.word(" next ") && in.number(record.next.value)))
        return std::nullopt;
    return in.at_end() ? std::optional(record) : std::nullopt;
}

}  // namespace tandem::cluster
