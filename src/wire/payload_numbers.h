// Which field of a letter carries which payload. Numbers are never reused, so that nodes of two
// versions understand each other while a server is being upgraded.
#pragma once

#include <cstdint>

#include "ports/letter.h"

namespace tandem::wire {

template <typename T>
inline constexpr uint32_t payload_number = 0;

template <>
inline constexpr uint32_t payload_number<ports::SipInbound> = 10;
template <>
inline constexpr uint32_t payload_number<ports::SipOutbound> = 11;
template <>
inline constexpr uint32_t payload_number<ports::SipUndeliverable> = 12;
template <>
inline constexpr uint32_t payload_number<ports::PacketIn> = 13;
template <>
inline constexpr uint32_t payload_number<ports::PacketOut> = 14;
template <>
inline constexpr uint32_t payload_number<ports::FlowClosed> = 15;
template <>
inline constexpr uint32_t payload_number<ports::PacketFailed> = 16;
template <>
inline constexpr uint32_t payload_number<ports::ListenerOpen> = 17;
template <>
inline constexpr uint32_t payload_number<ports::ListenerOpened> = 18;
template <>
inline constexpr uint32_t payload_number<ports::ListenerClose> = 19;
template <>
inline constexpr uint32_t payload_number<ports::ListenerFailed> = 20;
template <>
inline constexpr uint32_t payload_number<ports::TlsPeer> = 260;
template <>
inline constexpr uint32_t payload_number<ports::TlsFailed> = 261;
template <>
inline constexpr uint32_t payload_number<ports::BindingsQuery> = 30;
template <>
inline constexpr uint32_t payload_number<ports::BindingsReply> = 31;
template <>
inline constexpr uint32_t payload_number<ports::BindingsList> = 32;
template <>
inline constexpr uint32_t payload_number<ports::BindingsPage> = 33;
template <>
inline constexpr uint32_t payload_number<ports::BindingRemove> = 34;
template <>
inline constexpr uint32_t payload_number<ports::BindingRemoved> = 35;
template <>
inline constexpr uint32_t payload_number<ports::MessageKeep> = 36;
template <>
inline constexpr uint32_t payload_number<ports::MessageKept> = 37;
template <>
inline constexpr uint32_t payload_number<ports::MessageDeliver> = 38;
template <>
inline constexpr uint32_t payload_number<ports::MessageDelivered> = 39;
template <>
inline constexpr uint32_t payload_number<ports::AccountFollow> = 250;
template <>
inline constexpr uint32_t payload_number<ports::AccountStanding> = 251;
template <>
inline constexpr uint32_t payload_number<ports::MediaPlace> = 50;
template <>
inline constexpr uint32_t payload_number<ports::MediaPlaced> = 51;
template <>
inline constexpr uint32_t payload_number<ports::MediaRequest> = 52;
template <>
inline constexpr uint32_t payload_number<ports::MediaReply> = 53;
template <>
inline constexpr uint32_t payload_number<ports::MediaStatisticsQuery> = 54;
template <>
inline constexpr uint32_t payload_number<ports::MediaEvent> = 55;
template <>
inline constexpr uint32_t payload_number<ports::MediaLoad> = 56;
template <>
inline constexpr uint32_t payload_number<ports::MediaReconcile> = 57;
template <>
inline constexpr uint32_t payload_number<ports::MediaPortOpen> = 58;
template <>
inline constexpr uint32_t payload_number<ports::MediaPortClose> = 59;
template <>
inline constexpr uint32_t payload_number<ports::MediaPortFailed> = 60;
template <>
inline constexpr uint32_t payload_number<ports::CallReport> = 80;
template <>
inline constexpr uint32_t payload_number<ports::CallReportAll> = 81;
template <>
inline constexpr uint32_t payload_number<ports::CallReportWanted> = 82;
template <>
inline constexpr uint32_t payload_number<ports::CallsQuery> = 83;
template <>
inline constexpr uint32_t payload_number<ports::CallsPage> = 84;
template <>
inline constexpr uint32_t payload_number<ports::CallDetailQuery> = 85;
template <>
inline constexpr uint32_t payload_number<ports::CallDetail> = 86;
template <>
inline constexpr uint32_t payload_number<ports::CallHangup> = 87;
template <>
inline constexpr uint32_t payload_number<ports::CallHangupDone> = 88;
template <>
inline constexpr uint32_t payload_number<ports::CallTraceQuery> = 89;
template <>
inline constexpr uint32_t payload_number<ports::CallTrace> = 90;
template <>
inline constexpr uint32_t payload_number<ports::ReplacedQuery> = 91;
template <>
inline constexpr uint32_t payload_number<ports::ReplacedFound> = 92;
template <>
inline constexpr uint32_t payload_number<ports::CallReplaced> = 93;
template <>
inline constexpr uint32_t payload_number<ports::RingingQuery> = 94;
template <>
inline constexpr uint32_t payload_number<ports::HttpRequest> = 110;
template <>
inline constexpr uint32_t payload_number<ports::HttpResponse> = 111;
template <>
inline constexpr uint32_t payload_number<ports::HttpListenerOpen> = 112;
template <>
inline constexpr uint32_t payload_number<ports::HttpListenerClose> = 113;
template <>
inline constexpr uint32_t payload_number<ports::HttpListenerFailed> = 114;
template <>
inline constexpr uint32_t payload_number<ports::EntityRequest> = 115;
template <>
inline constexpr uint32_t payload_number<ports::EntityReply> = 116;
template <>
inline constexpr uint32_t payload_number<ports::RouteTest> = 117;
template <>
inline constexpr uint32_t payload_number<ports::RouteTestReply> = 118;
template <>
inline constexpr uint32_t payload_number<ports::HistoryQuery> = 119;
template <>
inline constexpr uint32_t payload_number<ports::HistoryPage> = 120;
template <>
inline constexpr uint32_t payload_number<ports::HistoryAppend> = 121;
template <>
inline constexpr uint32_t payload_number<ports::HistoryAppended> = 122;
template <>
inline constexpr uint32_t payload_number<ports::StatusQuery> = 123;
template <>
inline constexpr uint32_t payload_number<ports::StatusReply> = 124;
template <>
inline constexpr uint32_t payload_number<ports::LogLevelSet> = 125;
template <>
inline constexpr uint32_t payload_number<ports::LogLine> = 126;
template <>
inline constexpr uint32_t payload_number<ports::SipTrace> = 127;
template <>
inline constexpr uint32_t payload_number<ports::JoinTokenQuery> = 128;
template <>
inline constexpr uint32_t payload_number<ports::JoinTokenReply> = 129;
template <>
inline constexpr uint32_t payload_number<ports::ServerJoin> = 130;
template <>
inline constexpr uint32_t payload_number<ports::ServerJoined> = 131;
template <>
inline constexpr uint32_t payload_number<ports::HarmRequest> = 132;
template <>
inline constexpr uint32_t payload_number<ports::HarmReply> = 133;
template <>
inline constexpr uint32_t payload_number<ports::LeaseAsk> = 195;
template <>
inline constexpr uint32_t payload_number<ports::LeaseGiven> = 196;
template <>
inline constexpr uint32_t payload_number<ports::LeaseReturned> = 197;
template <>
inline constexpr uint32_t payload_number<ports::LeaseRecalled> = 198;
template <>
inline constexpr uint32_t payload_number<ports::LeaseReport> = 199;
template <>
inline constexpr uint32_t payload_number<ports::AuditNote> = 190;
template <>
inline constexpr uint32_t payload_number<ports::PasswordCheck> = 191;
template <>
inline constexpr uint32_t payload_number<ports::PasswordChecked> = 192;
template <>
inline constexpr uint32_t payload_number<ports::AuditQuery> = 193;
template <>
inline constexpr uint32_t payload_number<ports::AuditPage> = 194;
template <>
inline constexpr uint32_t payload_number<ports::TrunkQuery> = 160;
template <>
inline constexpr uint32_t payload_number<ports::TrunkReply> = 161;
template <>
inline constexpr uint32_t payload_number<ports::ResolveQuery> = 162;
template <>
inline constexpr uint32_t payload_number<ports::ResolveReply> = 163;
template <>
inline constexpr uint32_t payload_number<ports::TrunkWaySilent> = 320;
template <>
inline constexpr uint32_t payload_number<ports::TrunkStatesQuery> = 164;
template <>
inline constexpr uint32_t payload_number<ports::TrunkStates> = 165;
template <>
inline constexpr uint32_t payload_number<ports::StoreStateQuery> = 140;
template <>
inline constexpr uint32_t payload_number<ports::StoreMove> = 141;
template <>
inline constexpr uint32_t payload_number<ports::StoreState> = 142;
template <>
inline constexpr uint32_t payload_number<ports::Unreachable> = 180;
template <>
inline constexpr uint32_t payload_number<store::Request> = 170;
template <>
inline constexpr uint32_t payload_number<store::Reply> = 171;
template <>
inline constexpr uint32_t payload_number<store::WatchBatch> = 172;
template <>
inline constexpr uint32_t payload_number<ports::HttpPart> = 186;
template <>
inline constexpr uint32_t payload_number<ports::HttpTaken> = 181;
template <>
inline constexpr uint32_t payload_number<ports::HistoryErase> = 182;
template <>
inline constexpr uint32_t payload_number<ports::HistoryErased> = 183;
template <>
inline constexpr uint32_t payload_number<ports::CallEventsFollow> = 184;
template <>
inline constexpr uint32_t payload_number<ports::CallEvents> = 185;

template <>
inline constexpr uint32_t payload_number<ports::QueueAdvice> = 220;
template <>
inline constexpr uint32_t payload_number<ports::QueuesQuery> = 221;
template <>
inline constexpr uint32_t payload_number<ports::QueueStates> = 222;
template <>
inline constexpr uint32_t payload_number<ports::QueueAgentsFreed> = 223;
template <>
inline constexpr uint32_t payload_number<ports::GroupNews> = 335;

template <typename... Ts>
constexpr bool has_unique_numbers(ports::PayloadList<Ts...>) {
    constexpr uint32_t numbers[] = {payload_number<Ts>...};
    for (size_t i = 0; i < sizeof...(Ts); ++i) {
        if (numbers[i] == 0) return false;
        for (size_t j = 0; j < i; ++j) {
            if (numbers[i] == numbers[j]) return false;
        }
    }
    return true;
}
static_assert(has_unique_numbers(ports::Payloads()), "each payload needs a number of its own here");

}  // namespace tandem::wire
