#include "runtime/stream/socket_error.h"

#include <cerrno>
#include <system_error>

namespace tandem::runtime {

Error socket_error(std::string_view what, const std::string& where, int number) {
    std::string message = "cannot ";
    message.append(what).append(" ").append(where).append(": ");
    message.append(std::generic_category().message(number));
    const bool denied = number == EACCES || number == EPERM;
    const bool taken = number == EADDRINUSE || number == EEXIST;
    return make_error(denied  ? ErrorCode::Forbidden
                      : taken ? ErrorCode::Conflict
                              : ErrorCode::Unavailable,
                      "address", message);
}

}  // namespace tandem::runtime
