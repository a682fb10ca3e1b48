#include "sim/history/history.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace tandem::sim {
namespace {

// States looked at for one key: seconds of work. Histories of thousands of operations with dozens
// of unknown outcomes need some thousands.
constexpr size_t states_max = 2'000'000;

// What the key holds, as a number: 0 is "absent".
using StateId = uint32_t;

struct Step {
    const Operation* operation;
    StateId expected = 0;
    StateId value = 0;
    StateId seen = 0;
};

// The search over the operations of one key.
class Search {
 public:
    explicit Search(std::vector<const Operation*> operations) {
        std::stable_sort(operations.begin(), operations.end(),
                         [](const auto* a, const auto* b) { return a->called < b->called; });
        for (const Operation* operation : operations)
            steps_.push_back({operation, state_of(operation->expected), state_of(operation->value),
                              state_of(operation->seen)});
        placed_.resize(steps_.size());
    }

    HistoryVerdict run() {
        const bool found = place_rest(0);
        if (found) return {};
        if (states_.size() >= states_max)
            return {HistoryVerdict::Kind::Undecided, "too many states of key " + key()};
        return {HistoryVerdict::Kind::Violated, explain()};
    }

 private:
    std::string key() const { return steps_.front().operation->key; }

    StateId state_of(const SeenValue& value) {
        if (!value) return 0;
        return numbers_.try_emplace(*value, static_cast<StateId>(numbers_.size() + 1))
            .first->second;
    }

    static bool must_happen(const Step& step) {
        return step.operation->outcome != Operation::Outcome::Unknown;
    }

    // The state after the step, if it can happen in this one.
    static std::optional<StateId> after(const Step& step, StateId state) {
        switch (step.operation->kind) {
            case Operation::Kind::Read:
                return step.value == state ? std::optional(state) : std::nullopt;
            case Operation::Kind::Write:
                return step.value;
            case Operation::Kind::CompareAndSet:
                break;
        }
        if (step.operation->outcome == Operation::Outcome::Refused)
            return step.seen == state && state != step.expected ? std::optional(state)
                                                                : std::nullopt;
        return step.expected == state ? std::optional(step.value) : std::nullopt;
    }

    // Nothing that was called after this may come before what has to come first.
    std::optional<Instant> first_return() const {
        std::optional<Instant> first;
        for (size_t i = first_open(); i < steps_.size(); ++i) {
            if (placed_[i] || !must_happen(steps_[i])) continue;
            const Operation& operation = *steps_[i].operation;
            if (first && operation.called > *first) break;
            if (!first || operation.returned < *first) first = operation.returned;
        }
        return first;
    }
    size_t first_open() const {
        size_t i = 0;
        while (i < placed_.size() && placed_[i]) ++i;
        return i;
    }

    // True: all that must happen has been placed from here.
    bool place_rest(StateId state) {
        const auto bound = first_return();
        if (!bound) return true;
        if (states_.size() >= states_max) return false;
        if (!states_.emplace(placed_, state).second) return false;
        note_progress(state);
        for (size_t i = first_open(); i < steps_.size(); ++i) {
            if (steps_[i].operation->called > *bound) break;
            if (placed_[i]) continue;
            const auto next = after(steps_[i], state);
            if (!next || (!must_happen(steps_[i]) && *next == state)) continue;
            placed_[i] = true;
            if (place_rest(*next)) return true;
            placed_[i] = false;
        }
        return false;
    }

    // The longest explained beginning tells people where to look.
    void note_progress(StateId state) {
        size_t count = 0;
        for (size_t i = 0; i < placed_.size(); ++i) count += placed_[i] && must_happen(steps_[i]);
        if (count < best_count_) return;
        best_count_ = count;
        best_ = placed_;
        best_state_ = state;
    }
    std::string text_of(StateId state) const {
        for (const auto& [value, number] : numbers_)
            if (number == state) return "'" + value + "'";
        return "absent";
    }
    std::string explain() const {
        std::string text = "key " + key() + ": after " + std::to_string(best_count_) +
                           " operations it is " + text_of(best_state_) + ", and then none of";
        size_t named = 0;
        for (size_t i = 0; i < steps_.size() && named < 4; ++i) {
            if (best_[i] || !must_happen(steps_[i])) continue;
            ++named;
            text += named == 1 ? " " : ", ";
            text += name_of(steps_[i]);
        }
        return text + " can be the next";
    }
    std::string name_of(const Step& step) const {
        switch (step.operation->kind) {
            case Operation::Kind::Read:
                return "read " + text_of(step.value);
            case Operation::Kind::Write:
                return "write " + text_of(step.value);
            case Operation::Kind::CompareAndSet:
                break;
        }
        const bool refused = step.operation->outcome == Operation::Outcome::Refused;
        return "set " + text_of(step.expected) + " to " + text_of(step.value) +
               (refused ? " (saw " + text_of(step.seen) + ")" : "");
    }

    std::vector<Step> steps_;  // in the order of their calls
    std::map<std::string, StateId> numbers_;
    std::vector<bool> placed_;
    std::set<std::pair<std::vector<bool>, StateId>> states_;  // that have led nowhere
    size_t best_count_ = 0;
    std::vector<bool> best_;
    StateId best_state_ = 0;
};

}  // namespace

HistoryVerdict check_history(const std::vector<Operation>& history) {
    std::map<std::string, std::vector<const Operation*>> by_key;
    for (const Operation& operation : history) by_key[operation.key].push_back(&operation);
    for (auto& [key, operations] : by_key) {
        HistoryVerdict verdict = Search(std::move(operations)).run();
        if (verdict.kind != HistoryVerdict::Kind::Linearizable) return verdict;
    }
    return {};
}

}  // namespace tandem::sim
