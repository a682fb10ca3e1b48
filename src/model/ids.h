// Identities of entities that only the model and its users know; the others are in base/id.h.
#pragma once

#include "base/id.h"

namespace tandem {

using NumberRangeId = Id<struct NumberRangeTag>;
using DialRuleId = Id<struct DialRuleTag>;
using ScheduleId = Id<struct ScheduleTag>;
using ConsentId = Id<struct ConsentTag>;
using RepresentationId = Id<struct RepresentationTag>;
using RouteExpectationId = Id<struct RouteExpectationTag>;
using TrunkId = Id<struct TrunkTag>;
using TrunkGroupId = Id<struct TrunkGroupTag>;
using RingGroupId = Id<struct RingGroupTag>;
using QueueId = Id<struct QueueTag>;
using MusicId = Id<struct MusicTag>;
using FeatureCodeId = Id<struct FeatureCodeTag>;
using GrantId = Id<struct GrantTag>;
using ApiTokenId = Id<struct ApiTokenTag>;
using CdrId = Id<struct CdrTag>;
using DomainGroupId = Id<struct DomainGroupTag>;
using AuditId = Id<struct AuditTag>;

}  // namespace tandem
