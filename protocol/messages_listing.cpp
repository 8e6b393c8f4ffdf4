// Errors of the platform's status listing, and of the night that reads it.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kListingMessages[] = {
    {"listing.page", "A page of the platform's listing is not whole ({field}).", "平台清单的一页不完整({field})。",
     "Nothing to do: the page is fetched again, and nothing of it was taken.",
     "无需操作:系统将重新获取该页,未采用其中任何内容。"},
    {"listing.record", "A record of the platform's listing cannot be read (field {field}).",
     "平台清单中的一条记录无法读取(字段 {field})。",
     "It is kept with its bytes in the quarantine; report the field to the maintainer.",
     "该记录已连同原文隔离保存,请将该字段告知维护人员。"},
    {"listing.too_big", "A page of the platform's listing has {wanted} bytes; at most {left} are read.",
     "平台清单的一页有 {wanted} 字节,最多读取 {left} 字节。", "Ask the platform for smaller pages.",
     "请向平台申请较小的分页。"},
    {"listing.refused", "The platform refused the listing with code {wanted}.", "平台拒绝了清单查询,代码 {wanted}。",
     "Look the code up in the platform's documents; the window stays open and is asked for again.",
     "请在平台文档中查询该代码;该时间段将再次查询。"},
    {"listing.other_page",
     "The platform answered with another page than the one asked for ({field} {wanted}, not {left}).",
     "平台返回的不是所请求的页({field} 为 {wanted},应为 {left})。",
     "Nothing to do: it is fetched again; nothing of it was taken.", "无需操作:系统将重新获取,未采用其中任何内容。"},
    {"listing.foreign", "A page of the platform's listing holds an invoice of another {field} than {left}.",
     "平台清单的一页含有其他{field}的发票(应为 {left})。",
     "Nothing of the page was taken. If it happens again the window is left out and named in the report; tell the "
     "platform's support.",
     "该页未被采用。如再次出现,该范围将被跳过并列入报告,请告知平台支持人员。"},
    {"store.taxpayers", "The ledger numbers at most {left} taxpayers.", "账本最多支持 {left} 个纳税人。",
     "Spread the taxpayers over several gateways.", "请将纳税人分配到多个网关。"},
};
const std::size_t kListingMessageCount = std::size(kListingMessages);

}  // namespace taxgate
