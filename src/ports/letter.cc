#include "ports/letter.h"

#include <type_traits>

namespace tandem::ports {
namespace {

template <typename T, typename... Questions>
constexpr bool is_one_of = (std::is_same_v<T, Questions> || ...);

}  // namespace

bool is_question(const Payload& payload) {
    return std::visit(
        []<typename T>(const T&) {
            return is_one_of<T, BindingsQuery, BindingsList, BindingRemove, MediaPlace,
                             MediaRequest, MediaStatisticsQuery, CallsQuery, CallDetailQuery,
                             CallHangup, CallTraceQuery, HttpRequest, EntityRequest, RouteTest,
                             HistoryQuery, HistoryAppend, StatusQuery, store::Request>;
        },
        payload);
}

}  // namespace tandem::ports
