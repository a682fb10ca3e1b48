// All entities, for whoever works on several of them.
#pragma once

#include "model/generated/account.h"
#include "model/generated/cdr.h"
#include "model/generated/domain.h"
#include "model/generated/domain_group.h"
#include "model/generated/feature_code.h"
#include "model/generated/interface.h"
#include "model/generated/licence.h"
#include "model/generated/number_range.h"
#include "model/generated/ring_group.h"
#include "model/generated/role_instance.h"
#include "model/generated/server.h"
#include "model/generated/site.h"
#include "model/generated/system.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "model/generated/user.h"
