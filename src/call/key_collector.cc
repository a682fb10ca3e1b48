#include "call/key_collector.h"

#include <algorithm>

#include "call/limits.h"

namespace tandem::call {
namespace {

constexpr std::string_view kKeys = "0123456789*#ABCD";

// The longest pause of the codes that begin so; nullopt: none does.
std::optional<Duration> pause_of_begun(std::string_view held, const std::vector<KeyCode>& codes) {
    std::optional<Duration> longest;
    for (const KeyCode& code : codes) {
        if (!code.keys.starts_with(held)) continue;
        longest = std::max(longest.value_or(code.pause), code.pause);
    }
    return longest;
}

}  // namespace

bool is_key(char key) {
    return kKeys.find(key) != std::string_view::npos;
}

KeyCollector::Outcome KeyCollector::end(std::optional<std::string> number) {
    Outcome outcome{0, true, std::move(number), held_.substr(0, code_size_)};
    held_.clear();
    code_size_ = 0;
    deadline_.reset();
    return outcome;
}

KeyCollector::Outcome KeyCollector::on_key(Instant now, char key,
                                           const std::vector<KeyCode>& codes) {
    if (code_size_ != 0) return gather_number(now, key);
    held_ += key;
    Outcome outcome;
    for (; !held_.empty(); held_.erase(0, 1), ++outcome.passes) {
        const auto pause = pause_of_begun(held_, codes);
        if (!pause) continue;
        pause_ = *pause;
        deadline_ = now + pause_;
        const auto whole = std::ranges::find(codes, held_, &KeyCode::keys);
        if (whole == codes.end()) return outcome;
        code_size_ = held_.size();
        if (!whole->is_alone) return outcome;
        Outcome whole_code = end("");
        whole_code.passes = outcome.passes;
        return whole_code;
    }
    deadline_.reset();
    return outcome;
}

// Letters are on no number pad, and a number that is too long is a slip.
KeyCollector::Outcome KeyCollector::gather_number(Instant now, char key) {
    const size_t digits = held_.size() - code_size_;
    if (key == '#')
        return end(digits == 0 ? std::nullopt : std::optional(held_.substr(code_size_)));
    if ((key >= 'A' && key <= 'D') || digits >= kKeyedNumberMax) return end(std::nullopt);
    held_ += key;
    deadline_ = now + pause_;
    return {};
}

KeyCollector::Outcome KeyCollector::on_timeout(Instant now) {
    if (!deadline_ || *deadline_ > now) return {};
    if (code_size_ != 0) {
        const bool has_number = held_.size() > code_size_;
        return end(has_number ? std::optional(held_.substr(code_size_)) : std::nullopt);
    }
    deadline_.reset();
    Outcome outcome{held_.size(), false, {}};
    held_.clear();
    return outcome;
}

}  // namespace tandem::call
