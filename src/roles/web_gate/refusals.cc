#include "roles/web_gate/refusals.h"

#include <utility>

#include "roles/web_gate/limits.h"

namespace tandem::roles::web_gate {

void Refusals::add(Now now, ports::AuditNote note) {
    ++total_;
    if (!due_) due_ = now.mono + refusals_gathering;
    note.at = now.utc;
    const std::string key =
        note.actor.name + '\n' + note.actor.address + '\n' + note.action + '\n' + note.what;
    if (const auto found = notes_.find(key); found != notes_.end()) {
        ++found->second.count;
    } else if (notes_.size() < refusals_different_max) {
        notes_.emplace(key, std::move(note));
    } else {
        ++surplus_;
    }
}

std::vector<ports::AuditNote> Refusals::take(Now now) {
    std::vector<ports::AuditNote> all;
    if (!due_ || *due_ > now.mono) return all;
    due_.reset();
    for (auto& [key, note] : std::exchange(notes_, {})) all.push_back(std::move(note));
    if (surplus_ == 0) return all;
    ports::AuditNote rest;
    rest.actor.name = "others";
    rest.action = "refused";
    rest.reason = "more different refusals than are written down one by one";
    rest.count = std::exchange(surplus_, 0);
    rest.at = now.utc;
    all.push_back(std::move(rest));
    return all;
}

}  // namespace tandem::roles::web_gate
