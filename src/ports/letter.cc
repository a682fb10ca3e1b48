#include "ports/letter.h"

#include <array>
#include <type_traits>

namespace tandem::ports {
namespace {

template <typename T, typename... Questions>
constexpr bool is_one_of = (std::is_same_v<T, Questions> || ...);

// What a payload has to be able to do, for each type.
struct Operations {
    void (*copy)(const std::byte* from, std::byte* to);
    void (*move)(std::byte* from, std::byte* to);
    void (*destroy)(std::byte* at);
    bool is_question;
};

template <typename T>
constexpr Operations operations_of = {
    [](const std::byte* from, std::byte* to) {
        std::construct_at(reinterpret_cast<T*>(to), *reinterpret_cast<const T*>(from));
    },
    [](std::byte* from, std::byte* to) {
        std::construct_at(reinterpret_cast<T*>(to), std::move(*reinterpret_cast<T*>(from)));
    },
    [](std::byte* at) { std::destroy_at(reinterpret_cast<T*>(at)); },
    is_one_of<T, BindingsQuery, BindingsList, BindingRemove, AccountFollow, TrunkQuery,
              TrunkStatesQuery, QueuesQuery, ResolveQuery, MediaPlace, MediaRequest,
              MediaStatisticsQuery, CallsQuery, CallDetailQuery, CallHangup, CallTraceQuery,
              ReplacedQuery, RingingQuery, LeaseAsk, HttpRequest, EntityRequest, RouteTest,
              HistoryQuery, HistoryAppend, HistoryErase, AuditQuery, PasswordCheck, StatusQuery,
              JoinTokenQuery, ServerJoin, HarmRequest, StoreStateQuery, StoreMove, store::Request>};

template <typename... Ts>
constexpr auto table_of(PayloadList<Ts...>) {
    return std::to_array<Operations>({operations_of<Ts>...});
}
constexpr auto kOperations = table_of(Payloads());

}  // namespace

Payload::Payload(Payload&& other) noexcept : index_(other.index_) {
    kOperations[index_].move(other.bytes_, bytes_);
}

Payload::Payload(const Payload& other) : index_(other.index_) {
    kOperations[index_].copy(other.bytes_, bytes_);
}

Payload& Payload::operator=(Payload&& other) noexcept {
    if (this == &other) return *this;
    kOperations[index_].destroy(bytes_);
    index_ = other.index_;
    kOperations[index_].move(other.bytes_, bytes_);
    return *this;
}

Payload& Payload::operator=(const Payload& other) {
    return *this = Payload(other);
}

Payload::~Payload() {
    kOperations[index_].destroy(bytes_);
}

bool is_question(const Payload& payload) {
    return kOperations[payload.index()].is_question;
}

void Outbox::send(Letter letter) {
    letters_.push_back(std::move(letter));
}

std::vector<Letter> Outbox::take() {
    return std::exchange(letters_, {});
}

}  // namespace tandem::ports
