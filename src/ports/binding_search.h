// Where a phone that had a flow is now, among the bindings of its account. RFC 5626 4.1.
#pragma once

#include <string_view>
#include <vector>

#include "ports/registrar_port.h"

namespace tandem::ports {

// By its Contact or its instance (empty: not known), or, as phones put the port of their connection
// there, the only one from where it spoke. nullptr: none.
const Binding* binding_of_phone(const std::vector<Binding>& bindings, std::string_view contact,
                                std::string_view instance_id, const Flow& flow);

}  // namespace tandem::ports
