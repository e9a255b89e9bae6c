//! Customers, invented: the same for the same seed.

/// SplitMix64: small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

pub const FAMILY: &[(&str, &str)] = &[
    ("佐藤", "サトウ"),
    ("鈴木", "スズキ"),
    ("高橋", "タカハシ"),
    ("田中", "タナカ"),
    ("伊藤", "イトウ"),
    ("渡辺", "ワタナベ"),
    ("山本", "ヤマモト"),
    ("中村", "ナカムラ"),
    ("小林", "コバヤシ"),
    ("加藤", "カトウ"),
    ("吉田", "ヨシダ"),
    ("山田", "ヤマダ"),
    ("佐々木", "ササキ"),
    ("山口", "ヤマグチ"),
    ("松本", "マツモト"),
    ("井上", "イノウエ"),
    ("木村", "キムラ"),
    ("林", "ハヤシ"),
    ("斎藤", "サイトウ"),
    ("清水", "シミズ"),
    ("長谷川", "ハセガワ"),
    ("五十嵐", "イガラシ"),
    ("榎本", "エノモト"),
    ("鬼頭", "キトウ"),
    ("能登", "ノト"),
];
/// Most family names are made of two words; these and those give some 800, as real lists have them.
const FAMILY_HEADS: &[(&str, &str)] = &[
    ("佐", "サ"),
    ("山", "ヤマ"),
    ("田", "タ"),
    ("中", "ナカ"),
    ("小", "コ"),
    ("大", "オオ"),
    ("上", "ウエ"),
    ("下", "シモ"),
    ("藤", "フジ"),
    ("松", "マツ"),
    ("石", "イシ"),
    ("木", "キ"),
    ("高", "タカ"),
    ("吉", "ヨシ"),
    ("北", "キタ"),
    ("西", "ニシ"),
    ("東", "ヒガシ"),
    ("南", "ミナミ"),
    ("岡", "オカ"),
    ("川", "カワ"),
    ("竹", "タケ"),
    ("梅", "ウメ"),
    ("桜", "サクラ"),
    ("森", "モリ"),
    ("平", "ヒラ"),
    ("長", "ナガ"),
    ("福", "フク"),
    ("宮", "ミヤ"),
    ("前", "マエ"),
    ("後", "ゴ"),
    ("黒", "クロ"),
    ("白", "シラ"),
];
const FAMILY_TAILS: &[(&str, &str)] = &[
    ("田", "ダ"),
    ("川", "カワ"),
    ("本", "モト"),
    ("山", "ヤマ"),
    ("村", "ムラ"),
    ("野", "ノ"),
    ("崎", "サキ"),
    ("島", "シマ"),
    ("井", "イ"),
    ("沢", "サワ"),
    ("口", "グチ"),
    ("木", "キ"),
    ("原", "ハラ"),
    ("谷", "タニ"),
    ("橋", "ハシ"),
    ("岡", "オカ"),
    ("藤", "トウ"),
    ("辺", "ベ"),
    ("倉", "クラ"),
    ("塚", "ツカ"),
    ("浦", "ウラ"),
    ("瀬", "セ"),
    ("池", "イケ"),
    ("尾", "オ"),
];
const GIVEN_HEADS: &[(&str, &str)] = &[
    ("翔", "ショウ"),
    ("健", "ケン"),
    ("直", "ナオ"),
    ("大", "ダイ"),
    ("美", "ミ"),
    ("由", "ユ"),
    ("悠", "ユウ"),
    ("結", "ユイ"),
    ("一", "カズ"),
    ("千", "チ"),
    ("龍", "リュウ"),
    ("奈", "ナ"),
    ("宗", "ソウ"),
    ("真", "マ"),
    ("陽", "ヨウ"),
    ("和", "カズ"),
    ("智", "トモ"),
    ("亜", "ア"),
    ("沙", "サ"),
    ("理", "リ"),
    ("恵", "エ"),
    ("光", "ミツ"),
    ("浩", "ヒロ"),
    ("正", "マサ"),
];
const GIVEN_TAILS: &[(&str, &str)] = &[
    ("太", "タ"),
    ("輔", "スケ"),
    ("樹", "キ"),
    ("子", "コ"),
    ("菜", "ナ"),
    ("香", "カ"),
    ("也", "ヤ"),
    ("郎", "ロウ"),
    ("夏", "ナツ"),
    ("介", "スケ"),
    ("美", "ミ"),
    ("斗", "ト"),
    ("衣", "イ"),
    ("司", "シ"),
    ("江", "エ"),
    ("人", "ト"),
    ("代", "ヨ"),
    ("男", "オ"),
    ("穂", "ホ"),
    ("希", "キ"),
];
const GIVEN: &[(&str, &str)] = &[
    ("翔太", "ショウタ"),
    ("蓮", "レン"),
    ("大輔", "ダイスケ"),
    ("健一", "ケンイチ"),
    ("直樹", "ナオキ"),
    ("花子", "ハナコ"),
    ("陽菜", "ヒナ"),
    ("美咲", "ミサキ"),
    ("由美子", "ユミコ"),
    ("恵", "メグミ"),
    ("悠真", "ユウマ"),
    ("結衣", "ユイ"),
    ("葵", "アオイ"),
    ("一郎", "イチロウ"),
    ("千夏", "チナツ"),
    ("龍之介", "リュウノスケ"),
    ("菜々子", "ナナコ"),
    ("宗一郎", "ソウイチロウ"),
    ("渚", "ナギサ"),
    ("薫", "カオル"),
];
const TOWNS: &[&str] = &[
    "北海道札幌市中央区北一条西",
    "宮城県仙台市青葉区一番町",
    "東京都千代田区丸の内",
    "東京都世田谷区三軒茶屋",
    "神奈川県横浜市西区みなとみらい",
    "愛知県名古屋市中区栄",
    "京都府京都市下京区四条通",
    "大阪府大阪市北区梅田",
    "兵庫県神戸市中央区三宮町",
    "広島県広島市中区紙屋町",
    "福岡県福岡市博多区博多駅前",
    "沖縄県那覇市久茂地",
];
const RANKS: &[&str] = &["一般", "銀", "金", "法人", "休止"];

/// The header line.
pub const HEADER: &str = "顧客番号,氏名,フリガナ,メール,電話,郵便番号,区分,住所,ポイント,残高,生年月日,更新日時,備考\n";

/// Writes the line of one customer. A dice of its own for each, so that a row stays what it is when others change;
/// `changed` = 10 changes the points of every tenth.
pub fn line(line: &mut String, number: u64, seed: u64, changed: u64) {
    let dice = &mut Dice(seed.wrapping_mul(0x1000_0000_01b3).wrapping_add(number));
    row(line, number, dice, changed);
}

fn row(line: &mut String, number: u64, dice: &mut Dice, changed: u64) {
    use std::fmt::Write;

    line.clear();
    // A quarter have one of the most frequent names.
    let whole = |name: (&'static str, &'static str)| (name, ("", ""));
    let (family, given) = match dice.below(4) {
        0 => (whole(dice.pick(FAMILY)), whole(dice.pick(GIVEN))),
        _ => ((dice.pick(FAMILY_HEADS), dice.pick(FAMILY_TAILS)), (dice.pick(GIVEN_HEADS), dice.pick(GIVEN_TAILS))),
    };
    let account = dice.next() % 100_000_000;
    let phone = (dice.below(10_000), dice.below(10_000));
    let postal = (dice.below(1_000), dice.below(10_000));
    let rank = dice.pick(RANKS);
    let town = dice.pick(TOWNS);
    let place = (1 + dice.below(9), 1 + dice.below(40), 1 + dice.below(30), 100 + dice.below(900));
    let mut points = dice.below(1_000_000);
    let balance = (dice.below(2_000_000) as i64 - 200_000, dice.below(100));
    let birthday = (1940 + dice.below(68), 1 + dice.below(12), 1 + dice.below(28));
    let updated = (1 + dice.below(12), 1 + dice.below(28), dice.below(24), dice.below(60), dice.below(60));
    let has_note = dice.below(20) == 0;
    if changed > 0 && number.is_multiple_of(changed) {
        points += 1;
    }
    let _ = write!(
        line,
        "{number:010},{}{}　{}{},{}{}　{}{},user{account:08}@mail.example.jp,090-{:04}-{:04},{:03}-{:04},{rank},{town}{}丁目{}番{}号{}号室,{points},{}.{:02},{}-{:02}-{:02},2026-{:02}-{:02} {:02}:{:02}:{:02},",
        family.0.0,
        family.1.0,
        given.0.0,
        given.1.0,
        family.0.1,
        family.1.1,
        given.0.1,
        given.1.1,
        phone.0,
        phone.1,
        postal.0,
        postal.1,
        place.0,
        place.1,
        place.2,
        place.3,
        balance.0,
        balance.1,
        birthday.0,
        birthday.1,
        birthday.2,
        updated.0,
        updated.1,
        updated.2,
        updated.3,
        updated.4
    );
    if has_note {
        let _ = write!(
            line,
            "\"電話にて確認済み。\n次回の連絡は「{}月」以降を希望。\n担当: {}, \"\"至急\"\"\"",
            1 + place.0,
            family.0.0
        );
    }
    line.push('\n');
}
