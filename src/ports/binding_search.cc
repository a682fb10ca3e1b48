#include "ports/binding_search.h"

#include "sip/uri.h"

namespace tandem::ports {
namespace {

bool is_same_contact(std::string_view one, std::string_view other) {
    const auto a = sip::UriView::parse(one);
    const auto b = sip::UriView::parse(other);
    return a && b && a->user == b->user && a->host() == b->host() && a->port() == b->port();
}

}  // namespace

const Binding* binding_of_phone(const std::vector<Binding>& bindings, std::string_view contact,
                                std::string_view instance_id, const Flow& flow) {
    const Binding* from_there = nullptr;
    size_t from_there_count = 0;
    for (const Binding& each : bindings) {
        const bool is_instance = !instance_id.empty() && each.instance_id == instance_id;
        if (is_instance || is_same_contact(each.contact, contact)) return &each;
        const bool is_from_there =
            each.flow.remote.ip == flow.remote.ip && each.flow.transport == flow.transport;
        if (!is_from_there) continue;
        from_there = &each;
        ++from_there_count;
    }
    return from_there_count == 1 ? from_there : nullptr;
}

}  // namespace tandem::ports
