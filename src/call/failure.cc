#include "call/failure.h"

#include <array>
#include <limits>

namespace tandem::call {
namespace {

// Lower is better: what somebody said himself (declined, busy), then what went wrong, then that
// nobody was there. Within 4xx: what names the called person's state before what names a device's
// ability, and that before a mere absence.
int rank(int status) {
    constexpr std::array<int, 9> preferred{486, 480, 484, 415, 420, 488, 403, 404, 408};
    if (status == 603) return 0;
    if (status == 486) return 1;
    const int by_class = (10 - status / 100) * 1000;
    for (size_t i = 0; i < preferred.size(); ++i) {
        if (preferred[i] == status) return by_class + static_cast<int>(i);
    }
    return by_class + 100;
}

}  // namespace

int best_failure(std::span<const int> statuses) {
    int best = 0;
    int best_rank = std::numeric_limits<int>::max();
    for (const int status : statuses) {
        if (rank(status) >= best_rank) continue;
        best = status;
        best_rank = rank(status);
    }
    return best;
}

int shown_failure(int status) {
    if (status >= 300 && status < 400) return 480;
    switch (status) {
        case 401:
        case 407:
            return 480;
        case 408:
        case 430:
        case 487:
            return 480;
        case 503:
            return 500;
        default:
            return status;
    }
}

int cause_of(int status) {
    switch (status) {
        case 404:
        case 604:
            return 1;  // unallocated number
        case 486:
        case 600:
            return 17;  // user busy
        case 408:
            return 102;  // recovery on timer expiry
        case 480:
            return 18;  // no user responding
        case 403:
        case 603:
            return 21;  // call rejected
        case 410:
            return 22;  // number changed
        case 484:
            return 28;  // invalid number format
        case 488:
        case 606:
            return 88;  // incompatible destination
        case 487:
        case 200:
            return 16;  // normal clearing
        case 503:
            return 41;  // temporary failure
        default:
            return status >= 500 ? 41 : 31;
    }
}

std::string reason_header(int status, std::string_view text) {
    std::string reason = "SIP;cause=" + std::to_string(status);
    if (text.empty()) return reason;
    reason += ";text=\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') reason += '\\';
        reason += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return reason + '"';
}

std::string_view disposition_of(int status) {
    switch (status) {
        case 200:
            return "answered";
        case 486:
        case 600:
            return "busy";
        case 487:
            return "cancelled";
        case 408:
        case 480:
            return "no_answer";
        case 603:
        case 403:
            return "declined";
        case 404:
        case 604:
        case 484:
            return "not_found";
        default:
            return "failed";
    }
}

}  // namespace tandem::call
