"""Rules for minerals that a text only thinks of: unreal, excluded, hoped for, called so, unsaid.

Rules as in `denial`, with its role ``absent``: what they find may take back the title's word, too.
`LIKENED` are looser: what was named so by others, or for a moment, counts as a comparison.
"""

from __future__ import annotations

import re

from .grammar import ITEM, MARKS, MINERAL, MORE, OTHER, PAIR, THING

_NEAR = rf"[^.;:{MARKS}]"  # what may lie between the parts of a phrase: no other mineral
_THIS = r"(?:this|it|that|these|those|they|the\s+\w+(?:\s+\w+)?)"
_TRUE = rf"{MORE}(?:{MINERAL}|{OTHER})"  # what it is instead
_NAMING = (  # verbs of naming: alone they may be right
    r"(?:called|named|listed|labell?ed|identified|determined|recogni[sz]ed|classified|classed"
    r"|described|reported|interpreted|diagnosed|published|registered|recorded|given|entered|posted"
    r"|uploaded|submitted|logged|noted|catalogu?ed|filed|tagged|written\s+down|put\s+down|taken"
    r"|considered|assumed|believed|thought|regarded|seen|guessed|suspected|mapped|read|titled)"
)
_ONCE = (
    r"(?:at\s+first|first|initially|originally|previously|earlier|formerly|once|long|hitherto"
    r"|until\s+(?:recently|now|then)|before|in\s+the\s+(?:past|field)|for\s+(?:years|decades"
    r"|a\s+long\s+time)|always|usually|tentatively|provisionally)"
)
_MISTAKE = (
    r"(?:mistakes?|errors?|wrong|incorrect|erroneous|misidentif\w+|mislabel\w+|mistaken|false"
    r"|untrue"
    r"|unfounded|disproved|disproven|refuted|withdrawn|discredited|retracted|revoked|rejected"
    r"|misnomer|slip(?:\s+of\s+the\s+pen)?|typo|illusion|wishful\s+thinking|premature)"
)
_TAKEN_BACK = (
    r"(?:(?:I|we|he|she|they)\s+(?:now\s+|hereby\s+|must\s+|have\s+to\s+)?(?:retract\w*"
    r"|withdr[ae]w\w*"
    r"|take\s+(?:it|that|this)\s+back|took\s+(?:it|that)\s+back|(?:was|were|am|stand)\s+(?:wrong"
    r"|mistaken|corrected)|err(?:ed)?|no\s+longer\s+(?:think|believe)\w*|changed\s+\w+\s+mind)"
    r"|(?:scratch|strike|forget|delete)\s+(?:that|it)|my\s+mistake|on\s+second\s+thoughts?"
    r"|(?:that|this|it|which)\s+(?:is|was|has\s+been|proved|turned\s+out)\s+(?:to\s+be\s+)?"
    rf"(?:\w+\s+)?{_MISTAKE})"
)
_LABEL = (
    r"(?:labels?|tickets?|tags?|dealers?|sellers?|vendors?|cards?|catalogues?|catalogs?|owners?"
    r"|finders?|etiketten?|handler)"
)

GATE = re.compile(
    r"sold|bought|purchas|acquir|receiv|obtain|offer|advert|passed|tagg|market|traded|billed"
    r"|disguis|dressed|camoufl"
    r"|tout|misnam|miscall|misread|mistitl|misident|said|rumou|meant|[\"']|listed|labell?ed"
    r"|suppos|alleg|reput|purport|what\s|substitut|stands?\s+in|deputi|whether|doubt|question"
    r"|think|believ|suppos|sure|convinc|certain|guess|suspect|reckon|conclud|presum|\bsay|\bif\b"
    r"|\bwere\b|\bhad\b|though|would|'d\b|should|ought|\btoo\b|enough|exclu|rul\w+\s+out|preclud"
    r"|eliminat|disprov"
    r"|refut|dismiss|reject|discount|against|consisten|compatible|\bfit|match|nothing\s+like"
    r"|far\s+from"
    r"|by\s+no|in\s+no|but\b|except|never\s+mind|forget|bereft|depriv|wrong|erron|mistak|false|fals"
    r"|incorrect|error|retract|withdr|back|strike|scratch|delet|cancel|cross|revok|recte|correct"
    r"|rather|i\s+mean|sorry|pardon|should|read|turn|prov|show|reveal|emerg|really|actually"
    r"|in\s+fact"
    r"|in\s+truth|in\s+reality|just|only|merely|hop(?:e|ing)|long(?:ed|ing)|wish|search|hunt"
    r"|lookout|dream"
    r"|tempt|inclin|fool|misle|decei|first|initial|origin|previous|earlier|former|once|until|before"
    r"|sight|glance|look|label|ticket|tag|dealer|seller|vendor|card|catalog|owner|finder|fake"
    r"|bogus|mock"
    r"|imitation|pseudo|quasi|impost|wannabe|pretend|double|mimic|expect|discredit|misnom|slip|typo"
    r"|illusion|wishful|prematur|second\s+thought|mind|where|lures?\b|tentativ|always|usually"
    r"|hitherto"
    r"|long\b|apparent|seeming|ostensib|superfic|deceptiv|nominal|claim|field|decades|years"
    r"|etikett",
)

GUARDS = (
    (
        r"\b(?:i|we)\s+(?:now\s+|would\s+|do\s+|strongly\s+)?(?:think|believe|guess|suspect"
        r"|suppose|reckon|conclude|presume|say)\s+"
        rf"(?:that\s+)?(?:it|this|these|they)\s*(?:is|are|'s|'re)\s+(?:\w+\s+){{0,2}}?"
        rf"(?P<x>{PAIR})",
        "what the writer thinks it is",
    ),
)

SUPPOSED = (
    (
        r"\b(?:doubt\w*|question\w*|not\s+(?:think|believe|suppose|sure|convinced|certain)"
        r"|n't\s+(?:think|believe|suppose|sure"
        r"|convinced|certain))\s+(?:\w+\s+)?(?:that\s+|whether\s+|if\s+|of\s+)?(?:there\s+(?:is"
        r"|are|was|were)|it\s+is|it's|this\s+is|these"
        rf"\s+are|it\s+contains|i\s+see)\s+(?:really\s+|any\s+)?{MORE}(?P<x>{PAIR})",
        "doubted",
    ),
    (
        rf"\b(?:if|were|had|as\s+though)\s+(?:only\s+)?{_THIS}\s+(?:were\s+|was\s+|had\s+been\s+"
        rf"|been\s+|(?:might|could|would)\s+be\s+)"
        rf"(?:really\s+|indeed\s+|made\s+of\s+)?{MORE}(?P<x>{PAIR})"
        rf"|\bwere\s+(?:this|it|these|they)\s+(?:really\s+)?{MORE}(?P<y>{PAIR})",
        "unreal",
    ),
    (
        rf"\b(?:whether|if)\s+(?:there\s+(?:is|are|was|were)|it\s+(?:is|contains)|this\s+is)\s+"
        rf"(?:really\s+|any\s+|also\s+)?{MORE}(?P<x>{PAIR})"
        r"(?=[^.;]{0,80}?\b(?:cannot|not|unknown|uncertain|unclear|open|doubt\w*|undecided"
        r"|question)\b)",
        "doubted",
    ),
    (
        rf"(?P<x>{PAIR}){THING}(?:\s+(?:on\s+the\s+other\s+hand|however|itself))?\s*,?\s+"
        rf"(?:would|ought\s+to"
        r"|should(?=\s+(?:not\s+)?(?:show|have|be\s+(?!visible|there|seen|present|noted|in\b"
        r"|clear))))"
        r"(?:\s+not|n't)?\s+(?!not\b|take|polish|focus)\w+",
        "unreal",
    ),
    (
        r"(?:\bwould|\bmight|'d)\s+(?:\w+\s+){0,2}?(?:expect(?:ed)?|think|thought|guess(?:ed)?"
        r"|assumed?|suspect(?:ed)?|hoped?|swear|sworn|bet|wish(?:ed)?)\s+(?:\w+\s+){0,3}?"
        r"(?:to\s+\w+"
        rf"\s+)?{MORE}(?P<x>{PAIR})(?![^.;]*\b(?:here|there)\s+(?:it|they)\s+(?:is|are))",
        "only expected",
    ),
    (
        r"\b(?:too\s+(?:\w+\s+){1,4}?|(?:not|n't|hardly|scarcely|never|nowhere\s+near)\s+(?:\w+\s+)"
        rf"{{0,2}}enough\s+)(?:for|to\s+be)\s+(?:any\s+)?{MORE}(?P<x>{PAIR})",
        "excluded by what is seen",
    ),
    (
        r"\b(?:exclud(?:es?|ed)|rul(?:es?|ed|ing)\s+out|preclud\w+|eliminat\w+|disprov\w+|refut\w+"
        r"|dismiss\w*|reject\w*|discount\w*|(?:speak|argu|tell|weigh|count|militat)\w*\s+against"
        r"|evidence\s+against|against\s+(?=\S+\s+(?:speaks?|argues?|counts?)\b)|inconsistent\s+with"
        r"|incompatible\s+with|(?:not|n't|hardly)\s+(?:fit(?:ting)?|match\w*|suit|(?:agree\w*"
        r"|consistent|compatible|tally)\s+with)|nothing\s+like|far\s+from\s+being|by\s+no\s+means"
        r"|in\s+no\s+way|anything\s+but|everything\s+but|everything\s+except|never\s+mind|forget"
        r"|bereft\s+of|deprived\s+of|stripped\s+of|nary\s+an?|so\s+much\s+as)\s+"
        rf"(?:(?:a|the)\s+(?:\w+\s+)?(?:possibility|presence|idea|option|trace|grain"
        rf"|speck)\s+of\s+|for\s+)?"
        rf"{MORE}(?P<x>{PAIR})",
        "excluded",
    ),
    (
        r"\b(?:wrongly|erroneously|mistakenly|falsely|incorrectly|by\s+mistake|in\s+error"
        r"|prematurely)"
        rf"\s+(?:{_NAMING}|call|list|label|identif\w*|report)\w*\s+(?:\w+\s+){{0,3}}?(?P<x>{PAIR})"
        rf"|\b{_NAMING}\s+(?:\w+\s+){{0,2}}?(?P<y>{PAIR})\s+(?:by\s+mistake|in\s+error"
        rf"|by\s+error|erroneously"
        r"|wrongly|mistakenly|falsely|incorrectly)",
        "wrongly named so",
    ),
    (
        rf"(?P<x>{PAIR}){_NEAR}{{0,60}}?\b{_TAKEN_BACK}"
        rf"|(?P<y>{PAIR}){_NEAR}{{0,40}}?\b(?:is|was|were|are|proved|turned\s+out|been)\s+"
        rf"(?:\w+\s+){{0,3}}?"
        rf"{_MISTAKE}(?!\s+colou?r)",
        "taken back",
    ),
    (
        r"\b(?:retract|withdr[ae]w|tak(?:e|ing)\s+back|took\s+back|strik(?:e|ing)|delet(?:e|ed"
        r"|ing)|cancel"
        rf"|cross(?:ed|ing)?\s+out|revoke)\s+(?:\w+\s+){{0,4}}?[\"']?(?P<x>{PAIR})",
        "taken back",
    ),
    (
        rf"(?P<x>{ITEM})[\"']?\s*[,(\[\u2013-]*\s*(?:recte|correctly|or\s+(?:rather|better)"
        rf"|i\s+mean|read:?"
        r"|should\s+(?:read|be)|(?:no|sorry|pardon|wrong|oops|nay)\s*[,:!]+(?:\s*(?:sorry|no"
        r"|pardon|it\s+is"
        rf"|it's|this\s+is|i\s+mean)\s*[,:]?)*|more\s+correctly)\s+{_TRUE}"
        rf"|\bfor\s+[\"']?(?P<y>{ITEM})[\"']?\s*,?\s+read\b",
        "corrected",
    ),
    (
        rf"(?P<x>{ITEM})[\"']?{THING}\s*,?\s+(?:(?:at\s+(?:left|right|the\s+\w+)|here|then|later"
        rf"|finally"
        r"|eventually|soon|on\s+\w+(?:\s+\w+)?|under\s+the\s+\w+|has|have|had|was|were"
        r"|of\s+the\s+\w+)\s+)"
        r"{0,3}(?:turn(?:s|ed)?\s+out|prov(?:es?|ed|en)|reveal(?:s|ed)\s+itself|emerged|shown"
        r"|found)"
        rf"(?:\s+to\s+be|\s+as)?\s+(?:(?:really|actually|only|just|mere|merely|in\s+fact"
        rf"|nothing\s+but)\s+)?"
        rf"{_TRUE}",
        "turned out to be something else",
    ),
    (
        rf"(?P<x>{ITEM})[\"']?{THING}\s+(?:is|are|was|were)\s+(?:really|actually|in\s+(?:fact"
        rf"|truth|reality)|just"
        rf"|only|merely|nothing\s+(?:but|more\s+than)|none\s+other\s+than)\s+{_TRUE}",
        "really something else",
    ),
    (
        r"\b(?:hop(?:e|ed|es|ing)|long(?:ed|ing)|wish(?:ed|ing)|in\s+search|on\s+the\s+(?:hunt"
        r"|lookout)"
        r"|dream(?:ed|t|ing))\s+(?:for|of)\s+(?:(?:finding|seeing)\s+)?"
        rf"{MORE}(?P<x>{PAIR})|\bhop(?:e|ed|ing)\s+to\s+(?:find|see|show|get)\s+{MORE}"
        rf"(?P<y>{PAIR})",
        "only hoped for",
    ),
    (
        rf"\bwhere\s+(?:is|are|was|were|has|have)\s+(?:the\s+|all\s+|my\s+)*(?P<x>{PAIR})",
        "asked for",
    ),
    (
        rf"\b(?:prov(?:es?|ed|en)|turn(?:s|ed)?\s+out|is|are|was|were|being|be|as|shows?|sees?"
        rf"|{MINERAL})"
        rf"[^.;:]{{0,40}}?\s*,?\s*(?:rather\s+than|instead\s+of|as\s+opposed\s+to|and\s+not"
        rf"|in\s+place\s+of)"
        rf"\s+{MORE}(?P<x>{PAIR})",
        "said to be something else",
    ),
)

LIKENED = (
    (
        rf"\b{_ONCE}\s+(?:(?:was|were|been|it|this|i|we|he|she|they|had|have|has|me"
        rf"|us)\s+){{0,4}}{_NAMING}\s+"
        rf"(?:(?:it|this|that|them|by\s+\w+|here)\s+){{0,2}}(?:(?:as|to\s+be|for|a|an"
        rf"|it\s+was)\s+){{0,2}}"
        rf"{MORE}(?P<x>{PAIR})",
        "named so at first",
    ),
    (
        rf"\b{_NAMING}\s+(?:(?:as|to\s+be|for)\s+)?{MORE}(?P<x>{PAIR})\s+(?:at\s+first|first"
        rf"|initially|originally"
        r"|previously|earlier|formerly|before|by\s+(?:the\s+)?(?:dealer|seller|owner|finder|others?"
        r"|previous|some|many|earlier|former)|in\s+the\s+(?:past|field)|for\s+(?:years|decades))",
        "named so at first",
    ),
    (
        r"\b(?:sold|bought|purchased|acquired|received|obtained|offered|advertised|passed\s+off"
        r"|tagged"
        r"|ticketed|catalogu?ed|filed|marketed|traded|billed|disguised|dressed\s+up|camouflaged"
        r"|touted"
        r"|misnamed|miscalled|misread|mistitled|listed|labell?ed)\s+(?:(?:to\s+)?(?:me|us|him"
        r"|it)\s+)?"
        rf"(?:\w+\s+)?as\s+(?:a\s+)?[\"']?{MORE}(?P<x>{PAIR})"
        rf"|\b(?:misnamed|miscalled|misidentified|mislabell?ed|mistitled)\s+[\"']?(?P<y>{PAIR})",
        "only named so",
    ),
    (
        rf"\b{_LABEL}\b{_NEAR}{{0,25}}?\b(?:says?|said|reads?|claim(?:s|ed)?|stat(?:es|ed)|call"
        rf"(?:s|ed)"
        r"|insist\w*|g(?:ives|ave)|mention(?:s|ed)|promis\w+|has|had|believed|thought|named"
        r"|wrote|writes)"
        r"\s+(?:(?:it|this|that|only|for|on|as|was|is|to\s+be|simply|them)\s+){0,4}[\"']?"
        rf"{MORE}(?P<x>{PAIR})(?!{_NEAR}{{0,20}}\b(?:right|correct|true|indeed))",
        "only a label says so",
    ),
    (
        r"\b(?:tempt\w*|inclined|lured?|fooled|led|misled|deceived|wrong|a\s+mistake|foolish"
        r"|rash)\s+"
        r"(?:(?:one|me|us|you|him)\s+)?(?:in)?to\s+(?:\w+\s+){0,2}?(?:call|nam|say|think|see|tak"
        r"|read|diagnos|identif"
        r"|writ|assum|believ|suspect|label|list|speak)\w*\s+(?:(?:this|it|that|these|them|of|in"
        r"|for|as|here|is|the"
        rf"|\w+\s+\w+)\s+){{0,3}}?{MORE}(?P<x>{PAIR})",
        "tempting to call it so",
    ),
    (
        r"\b(?:at\s+(?:a\s+)?(?:first|casual|quick)(?:\s+(?:sight|glance|look))?|(?:first|casual"
        r"|quick)\s+(?:sight"
        r"|glance|look|impression|guess|thought|idea|diagnosis)|initially|superficially|seemingly"
        rf"|ostensibly|deceptively|apparently|nominally|in\s+the\s+field)\b{_NEAR}{{0,40}}?\s"
        rf"(?<!only\s)(?<!just\s)(?P<x>{PAIR})"
        r"(?=[^.;]{0,80}?\b(?:but|however|yet|actually|really|in\s+fact|in\s+truth|in\s+reality"
        r"|on\s+closer"
        r"|under\s+oil|only|later|then|now|turn\w*\s+out|prov\w+)\b)",
        "at first sight only",
    ),
    (
        rf"\b(?:supposed|said|reported|claimed|rumou?red|meant|alleged|reputed)\s+to\s+be\s+"
        rf"(?:\w+ly\s+)?{MORE}(?P<y>{PAIR})"
        rf"|[\"'](?P<z>{PAIR})[\"']\s*[(,]?\s*(?:actually|really|in\s+fact|in\s+reality|wrong\w*"
        rf"|recte|=)",
        "only called so",
    ),
    (
        rf"\b(?:supposedly|allegedly|reputedly|purportedly|would-be)\s+{MORE}(?P<x>{PAIR})"
        rf"|\bwhat\s+(?:at\s+first\s+)?(?:seems?|seemed|passe[sd]|pretends|poses|posed"
        rf"|masquerad\w+)\s+(?:(?:like|to\s+be|as|for)\s+)?{MORE}(?P<y>{PAIR})"
        rf"|\b(?:substitut\w+|stand(?:s|ing)?\s+in|deputi\w+)\s+for\s+{MORE}(?P<z>{PAIR})",
        "only seems to be",
    ),
    (
        rf"\bat\s+first\s+(?:sight|glance|look)\s*,?\s+(?:(?:it|this)\s+(?:is|was)\s+)?"
        rf"(?:an?\s+)?(?P<x>{PAIR})(?=\s*(?:$|[.,;]|but))"
        rf"|(?P<y>{PAIR})\s*,?\s+at\s+first\s+(?:sight|glance|look)\b",
        "at first sight only",
    ),
    (
        rf"(?<!correctly )(?<!rightly )(?<!properly )\blabell?ed\s+[\"']?(?P<x>{PAIR})[\"']?"
        rf"(?=\s*(?:$|[.,;]|but\b|is\b))",
        "only a label says so",
    ),
    (
        r"\b(?:false|fake|faux|bogus|phon(?:e)?y|mock|imitation|sham|spurious|pretend|quasi|pseudo)"
        rf"[\s-]*(?P<x>{MINERAL})|(?P<y>{MINERAL})[\s-](?:impost[eo]rs?|wannabes?|pretenders?"
        rf"|imitators?"
        r"|doubles?|clones?|mimics?|fakes?)\b",
        "only called so",
    ),
)
