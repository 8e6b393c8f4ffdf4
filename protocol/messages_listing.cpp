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
    {"sync.window_over", "The night ended at {wanted} with work left.", "夜间同步时段于 {wanted} 结束,尚有未完成部分。",
     "Nothing to do: the rest comes first next night. If it happens every night, raise the call budget or lengthen "
     "[sync] until.",
     "无需操作:剩余部分将在下一夜优先处理。如每夜如此,请提高调用额度或延长 [sync] until。"},
    {"sync.held", "{wanted} known invoices of one taxpayer would change, {left} may without a person.",
     "某纳税人将有 {wanted} 张已知发票变更,未经人工确认最多允许 {left} 张。",
     "Look at taxgate sync show; when the change is real: taxgate sync approve RUN --reason WHY.",
     "请查看 taxgate sync show;确属真实变更时执行:taxgate sync approve 编号 --reason 原因。"},
    {"sync.no_list", "The platform did not make the list of {wanted}.", "平台未生成 {wanted} 的清单。",
     "Nothing to do: it is asked for again next night.", "无需操作:下一夜将再次申请。"},
    {"sync.count_differs", "A window was listed twice and its count still differs from the platform's.",
     "某范围已获取两次,张数仍与平台不一致。",
     "taxgate sync show names the window and both counts; ask the platform's support if it stays.",
     "taxgate sync show 列出该范围及两个张数;如持续不一致,请联系平台支持人员。"},
    {"sync.sum_differs", "The sum of a window differs from the platform's.", "某范围的金额合计与平台不一致。",
     "taxgate sync show names the window and both sums; look for invoices imported with another amount.",
     "taxgate sync show 列出该范围及两个合计;请检查导入金额不同的发票。"},
    {"sync.sample_differs", "An invoice asked for by itself has another status than the listing told.",
     "单张查询的发票状态与清单不一致。",
     "It may have changed meanwhile; if the next night says so again, tell the platform's support.",
     "可能在此期间已变更;如下一夜仍不一致,请联系平台支持人员。"},
    {"sync.cursor_moved", "Another program moved the cursor of the platform's incremental listing.",
     "其他程序移动了平台增量清单的游标。",
     "Only one program may use it for a taxpayer; what was skipped comes with the bulk listing.",
     "每个纳税人只能由一个程序使用该游标;被跳过的部分由批量清单补齐。"},
    {"sync.unknown_run", "There is no night {wanted}.", "没有编号为 {wanted} 的夜间同步。",
     "taxgate sync history lists them.", "taxgate sync history 可列出全部编号。"},
    {"sync.nothing_to_approve", "Night {wanted} is not the last one, is still under way, or held nothing back.",
     "编号 {wanted} 的夜间同步不是最近一次、仍在进行,或没有待确认的内容。",
     "taxgate sync status shows the last one; what an older one held back is in it.",
     "taxgate sync status 显示最近一次;更早被暂缓的内容已包含在其中。"},
    {"store.taxpayers", "The ledger numbers at most {left} taxpayers.", "账本最多支持 {left} 个纳税人。",
     "Spread the taxpayers over several gateways.", "请将纳税人分配到多个网关。"},
};
const std::size_t kListingMessageCount = std::size(kListingMessages);

}  // namespace taxgate
