"""What the simulated shop sells and how it names it. All brands are invented."""

from __future__ import annotations

#: category → (median price, (subcategory, what one piece is called)…)
CATEGORIES: dict[str, tuple[float, tuple[tuple[str, str], ...]]] = {
    "Headphones": (
        90,
        (
            ("Over-ear", "Over-ear Headphones"),
            ("In-ear", "Earbuds"),
            ("Sports", "Sports Earphones"),
            ("Kids", "Kids' Headphones"),
            ("Studio", "Studio Headphones"),
        ),
    ),
    "Prams": (
        420,
        (
            ("Strollers", "Stroller"),
            ("Carrycots", "Carrycot"),
            ("Twin Prams", "Twin Pram"),
            ("Joggers", "Jogging Pram"),
            ("Accessories", "Pram Footmuff"),
        ),
    ),
    "Smartphones": (
        380,
        (("Large", "Smartphone Max"), ("Compact", "Compact Smartphone"), ("Rugged", "Rugged Phone"), ("Cases", "Phone Case")),
    ),
    "Laptops": (850, (("Ultrabooks", "Ultrabook"), ("Gaming", "Gaming Laptop"), ("2-in-1", "Convertible"), ("Sleeves", "Laptop Sleeve"))),
    "Cameras": (520, (("Mirrorless", "Mirrorless Camera"), ("Lenses", "Lens"), ("Action", "Action Camera"), ("Tripods", "Tripod"))),
    "Televisions": (600, (("OLED", "OLED Television"), ("LED", "LED Television"), ("Soundbars", "Soundbar"), ("Mounts", "Wall Mount"))),
    "Kitchen": (
        55,
        (
            ("Knives", "Chef's Knife"),
            ("Pans", "Frying Pan"),
            ("Mixers", "Stand Mixer"),
            ("Coffee", "Coffee Maker"),
            ("Storage", "Storage Jar Set"),
        ),
    ),
    "Furniture": (260, (("Chairs", "Chair"), ("Tables", "Table"), ("Shelves", "Shelf"), ("Sofas", "Sofa"), ("Desks", "Desk"))),
    "Bedding": (60, (("Duvets", "Duvet"), ("Pillows", "Pillow"), ("Linen", "Bed Linen Set"), ("Mattresses", "Mattress"))),
    "Lighting": (45, (("Floor Lamps", "Floor Lamp"), ("Pendants", "Pendant Lamp"), ("Table Lamps", "Table Lamp"), ("Bulbs", "Smart Bulb"))),
    "Garden": (70, (("Tools", "Garden Tool"), ("Grills", "Grill"), ("Pots", "Plant Pot"), ("Mowers", "Lawn Mower"))),
    "Tools": (80, (("Drills", "Cordless Drill"), ("Saws", "Circular Saw"), ("Hand Tools", "Tool Set"), ("Measuring", "Laser Level"))),
    "Bicycles": (
        650,
        (
            ("City", "City Bike"),
            ("Mountain", "Mountain Bike"),
            ("Electric", "E-Bike"),
            ("Helmets", "Bike Helmet"),
            ("Lights", "Bike Light"),
        ),
    ),
    "Running": (85, (("Shoes", "Running Shoes"), ("Shirts", "Running Shirt"), ("Shorts", "Running Shorts"), ("Watches", "Running Watch"))),
    "Camping": (
        110,
        (("Tents", "Tent"), ("Sleeping Bags", "Sleeping Bag"), ("Stoves", "Camping Stove"), ("Backpacks", "Trekking Backpack")),
    ),
    "Yoga": (35, (("Mats", "Yoga Mat"), ("Blocks", "Yoga Block"), ("Leggings", "Leggings"), ("Cushions", "Meditation Cushion"))),
    "Dresses": (65, (("Summer", "Summer Dress"), ("Evening", "Evening Dress"), ("Knit", "Knit Dress"), ("Shirt Dresses", "Shirt Dress"))),
    "Shoes": (80, (("Sneakers", "Sneakers"), ("Boots", "Boots"), ("Sandals", "Sandals"), ("Loafers", "Loafers"))),
    "Watches": (150, (("Analogue", "Wristwatch"), ("Smart", "Smartwatch"), ("Divers", "Diver's Watch"), ("Straps", "Watch Strap"))),
    "Skin Care": (24, (("Creams", "Day Cream"), ("Serums", "Serum"), ("Sun", "Sun Lotion"), ("Masks", "Face Mask"))),
    "Toys": (
        30,
        (("Blocks", "Building Set"), ("Dolls", "Doll"), ("Trains", "Wooden Train"), ("Puzzles", "Puzzle"), ("Outdoor", "Outdoor Toy")),
    ),
    "Board Games": (32, (("Family", "Family Game"), ("Strategy", "Strategy Game"), ("Card", "Card Game"), ("Party", "Party Game"))),
    "Books": (
        18,
        (("Novels", "Novel"), ("Crime", "Crime Novel"), ("Cookbooks", "Cookbook"), ("Travel", "Travel Guide"), ("Science", "Science Book")),
    ),
    "Pet Supplies": (28, (("Dogs", "Dog Bed"), ("Cats", "Cat Tree"), ("Food", "Pet Food"), ("Aquariums", "Aquarium"))),
}

BRANDS = (
    "Auralis", "Bramble", "Corvo", "Dunmore", "Elvara", "Fjordlyn", "Grünwerk", "Halden", "Ivrea", "Juniper&Co", "Kestrel", "Lumenor",
    "Marisol", "Nordhav", "Oakline", "Pallas", "Quill", "Rivermark", "Solvej", "Tamarin", "Umbria", "Velmont", "Westerly", "Xylo",
    "Yarrow", "Zephyrine", "Altmann", "Birkholm", "Calluna", "Drift", "Esterel", "Fauna", "Gallant", "Hexley", "Inari", "Jolie",
    "Kobalt", "Larkspur", "Mistral", "Nimbus", "Orrin", "Pinecrest", "Rosalind", "Sable", "Thornbury", "Ursa", "Vireo", "Wren",
)  # fmt: skip

STYLES = (
    "Nordic", "Urban", "Retro", "Classic", "Nova", "Terra", "Aero", "Luna", "Coast", "Alpine", "Studio", "Metro", "Vintage", "Pure",
    "Fusion", "Heritage", "Zen", "Pulse", "Bloom", "Core", "Ember", "Horizon", "Atlas", "Breeze",
)  # fmt: skip

COLOURS = ("black", "white", "grey", "navy", "forest green", "sand", "terracotta", "rosé", "silver", "sky blue", "walnut", "cream")

PRAISE = (
    "Made to last, and easy to care for.",
    "A favourite of our customers since it came.",
    "Light, sturdy and quick to put to use.",
    "Made from recycled material where it makes sense.",
    "With three years of warranty.",
    "Thoughtful details, honest price.",
    "Tested by our own team for a whole season.",
    "Goes well with everything else of the line.",
)

#: country, weight
COUNTRIES = (("DE", 46), ("AT", 9), ("CH", 7), ("FR", 11), ("NL", 8), ("GB", 9), ("IT", 5), ("PL", 3), ("US", 2))

#: referrer (None: came directly), weight
REFERRERS = (
    (None, 44),
    ("https://www.google.com/", 30),
    ("https://www.bing.com/", 4),
    ("https://www.instagram.com/", 8),
    ("https://news.shop.example/", 9),
    ("https://compare.example/", 5),
)

CURRENCY = "EUR"
