#include "roles/host/letter_router.h"

namespace tandem::roles::host {

void LetterRouter::note_asker(uint16_t node, const ports::Letter& letter) {
    if (letter.to == ports::kKeyValue || letter.to == ports::kHistory) {
        askers_[letter.from.number] = node;
    }
}

Way LetterRouter::way_of(const ports::Letter& letter) const {
    const ports::Instance to = letter.to;
    if (to == host_.self() || host_.find(to) != nullptr) return {Way::To::Host};
    if (to == ports::kTransport) return {Way::To::Transport};
    if (to == ports::kHttp) return {Way::To::Http};
    if (to == ports::kJournal) return {Way::To::Journal};
    if (to == ports::kPasswords) return {Way::To::Passwords};
    if (to == ports::kResolver) return {Way::To::Resolver};
    if (to == ports::kKeyValue || to == ports::kHistory) return {Way::To::Store};
    if (is_local_media(to)) return {Way::To::Media};
    const ports::DirectoryEntry* entry = host_.directory().find(to);
    if (entry != nullptr && entry->node != number_) return {Way::To::Node, entry->node};
    if (entry != nullptr) return {Way::To::Host};
    if (const auto node = ports::node_of_host(to)) {
        return *node == number_ ? Way{} : Way{Way::To::Node, *node};
    }
    if (to.number > ports::instances_max) return {};
    const auto asker = askers_.find(to.number);
    return asker == askers_.end() ? Way{Way::To::Host} : Way{Way::To::Node, asker->second};
}

bool LetterRouter::is_local_media(ports::Instance instance) const {
    if (instance == ports::host_of(number_, 1)) return true;
    const ports::DirectoryEntry* entry = host_.directory().find(instance);
    return entry != nullptr && entry->kind == ports::RoleKind::MediaGate && entry->node == number_;
}

}  // namespace tandem::roles::host
